"""``trailhouse transform``: derive the marts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    DataDirectoryOption,
    JsonOption,
    WarehouseUrlOption,
)
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.build_report import BuildReport
    from trailhouse.flows.settings import Settings


def transform(
    select: Annotated[list[str] | None, typer.Option("--select", "-s", help="dbt node selection.")] = None,
    is_everything: Annotated[
        bool, typer.Option("--all", help="Run all seeds, models and tests, even if nothing changed.")
    ] = False,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild all marts from the raw tables.")
    ] = False,
    include_damaged: Annotated[
        bool, typer.Option("--include-damaged", help="Derive the marts from damaged checkpoints too.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Derive the marts from the raw tables with `dbt build`, and test them.

    Only models and tests downstream of what changed since the last successful build are run. Everything is run with
    --all, and if the dbt project, its variables or a mart changed. The marts leave damaged checkpoints out, unless
    --include-damaged is given.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    report = None
    if not (select or full_refresh or is_everything):
        from trailhouse.flows.build_report import find_unchanged

        report = find_unchanged(settings, includes_damaged=include_damaged)
    if report is None:
        prepare_prefect(settings)
        from trailhouse.flows.build_marts import build_marts

        with progress_bars():
            report = build_marts(
                tuple(select or ()),
                settings,
                full_refresh=full_refresh,
                includes_damaged=include_damaged,
                is_everything=is_everything,
            )
    if as_json:
        print_json(asdict(report))
    say(describe(report))
    if not report.has_data:
        say("there is nothing to derive yet: `trailhouse demo` or `trailhouse score` makes scores")
    if report.left_out_count:
        say(f"damaged checkpoints left out of the marts: {report.left_out_count}; see `trailhouse status`")
    if not report.is_unchanged:
        warm_dashboards(settings)


def describe(report: BuildReport) -> str:
    """Return a sentence about what was built, and why not more or nothing."""
    if report.is_unchanged:
        return (
            "nothing was built: nothing changed since the last build (`trailhouse transform --all` builds everything)"
        )
    counts = (
        f"{count_of(report.model_count, 'model')} and {count_of(report.seed_count, 'seed')} built,"
        f" {count_of(report.test_count, 'test')} passed"
    )
    why = f"downstream of {', '.join(report.changed_tables)}" if report.changed_tables else report.reason
    return f"{counts} in {report.duration_seconds:.0f} s ({why})"


def warm_dashboards(settings: Settings) -> None:
    """Refill the chart cache of a running Superset, so that its dashboards show the new marts."""
    from trailhouse.flows.services.superset import find_running_superset

    if find_running_superset(settings) is None:
        return
    from trailhouse.flows.publish_dashboards import warm_running_dashboards

    with progress_bars():
        chart_count = warm_running_dashboards(settings)
    if chart_count > 0:
        say(f"{count_of(chart_count, 'chart')} of the dashboards refreshed")
