"""``trailhouse publish``: publish the dashboards to Superset."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.errors import PartialError
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.settings import Settings


def publish(
    check: Annotated[
        bool, typer.Option("--check", help="Only list the differences; exit with 4 if there are any.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Publish the dashboards of this version to Superset. Running the command again changes nothing.

    Dashboards, charts and datasets that users made in Superset stay as they are.
    """
    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    if check:
        report_drift(settings, as_json=as_json)
    else:
        run_publication(settings, as_json=as_json)


def run_publication(settings: Settings, *, as_json: bool) -> None:
    """Publish the dashboards, and print what changed and the address of the dashboards."""
    from trailhouse.flows.settings import prepare_prefect

    prepare_prefect(settings)
    from trailhouse.flows.publish_dashboards import publish_dashboards

    with progress_bars():
        report = publish_dashboards(settings)
    if as_json:
        print_json(asdict(report))
    for verb, names in (("created", report.created), ("changed", report.changed), ("removed", report.removed)):
        if names:
            say(f"{verb} {len(names)}: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}")
    for change in report.access_changes:
        say(change)
    say(
        f"{count_of(report.unchanged_count, 'asset')} up to date before,"
        f" {count_of(report.warmed_count, 'chart')} with a warm cache"
    )
    if not report.has_data:
        say("there is no data yet, so the charts are empty; these commands make some, then run `trailhouse publish`:")
        say("  `trailhouse demo`, or `trailhouse score` and `trailhouse transform` for your own checkpoints")
    say(f"dashboards: {report.first_page}")


def report_drift(settings: Settings, *, as_json: bool) -> None:
    """Print how the dashboards, charts, datasets, roles and rules in Superset differ from this version.

    Raises PartialError if there are differences.
    """
    from trailhouse.flows.settings import prepare_prefect

    prepare_prefect(settings)
    from trailhouse.flows.publish_dashboards import check_dashboards, describe_assets

    drift, rights = check_dashboards(settings)
    differences = {
        "missing": describe_assets(drift.missing) + rights.missing,
        "changed": describe_assets(drift.changed) + rights.changed,
        "superfluous": describe_assets(drift.superfluous) + rights.superfluous,
    }
    if as_json:
        print_json({**differences, "unchanged_count": drift.unchanged_count})
    for kind, names in differences.items():
        for name in names:
            say(f"{kind}: {name}")
    if count := drift.count + rights.count:
        raise PartialError(
            f"assets, roles or rules of Superset that differ from the source: {count}", "run `trailhouse publish`"
        )
    say(
        f"{count_of(drift.unchanged_count, 'asset')} with equal content and access rights in Superset and in the source"
    )
