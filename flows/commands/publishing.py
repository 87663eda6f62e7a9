"""``publish`` and ``dashboards``: bringing dashboards to Superset, and running Superset beside the warehouse."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from trailhouse.errors import PartialError
from trailhouse.flows.commands.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.console import print_json, progress_bars, say
from trailhouse.flows.settings import Settings, load_settings, prepare_prefect

dashboards_app = typer.Typer(no_args_is_help=True, help="Superset beside the warehouse, with the dashboards in it.")

PortOption = Annotated[int | None, typer.Option(help="Port of the local Superset; 0 takes a free one. [default: 8088]")]


def publish(
    check: Annotated[bool, typer.Option("--check", help="Only say what differs; exit 4 if anything does.")] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Make Superset hold the dashboards of this version; running it again changes nothing.

    Dashboards, charts and datasets that people made themselves stay as they are.
    """
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    if check:
        report_drift(settings, as_json=as_json)
    else:
        run_publication(settings, as_json=as_json)


@dashboards_app.command()
def start(
    port: PortOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Start Superset unless it runs, publish the dashboards and say where they are."""
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, superset_port=port)
    run_publication(settings, as_json=as_json)
    if settings.superset_url is None:
        say(f"log in as admin, the password is in {settings.superset_directory / 'admin.password'}")
        say("stop it with `trailhouse dashboards stop`")


@dashboards_app.command()
def stop(data_directory: DataDirectoryOption = None) -> None:
    """Stop the local Superset; dashboards, users and what people made stay."""
    from trailhouse.dashboards.superset.process import stop_superset
    from trailhouse.flows.superset import locate_installation

    was_running = stop_superset(locate_installation(load_settings(data_directory=data_directory)))
    say("stopped Superset" if was_running else "no Superset is running")


@dashboards_app.command()
def status(as_json: JsonOption = False, data_directory: DataDirectoryOption = None) -> None:
    """Say whether Superset runs, and where."""
    from trailhouse.flows.superset import find_running_superset

    superset = find_running_superset(load_settings(data_directory=data_directory))
    if as_json:
        print_json({"url": None if superset is None else superset.url})
    say("no Superset is running" if superset is None else f"Superset runs at {superset.url}")


@dashboards_app.command()
def add_user(
    name: Annotated[str, typer.Argument(help="Name to log in with.")],
    role: Annotated[
        Literal["stakeholder", "researcher"],
        typer.Option(help="stakeholder sees dashboards; researcher also asks SQL and makes charts."),
    ] = "stakeholder",
    group: Annotated[
        list[str] | None, typer.Option(help="Group of the access file: only its suites are seen. Repeatable.")
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
) -> None:
    """Create a user of Superset; the generated password is printed once."""
    from trailhouse.dashboards.publish.users import add_user as add_user_to
    from trailhouse.flows.superset import connect_superset, resolve_superset

    superset = resolve_superset(load_settings(data_directory=data_directory))
    password = add_user_to(connect_superset(superset), name, role, group or ())
    if as_json:
        print_json({"user": name, "role": role, "groups": group or [], "password": password, "url": superset.url})
    else:
        typer.echo(password)
    say(f"{name} logs in at {superset.url} and changes the password under Settings, Info")


def run_publication(settings: Settings, *, as_json: bool) -> None:
    """Publish, and say what changed and where to look."""
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
    say(f"{report.unchanged_count} assets were up to date, {report.warmed_count} charts are warm")
    say(f"dashboards: {report.url}/dashboard/list/")


def report_drift(settings: Settings, *, as_json: bool) -> None:
    """Say how Superset differs from the source; raises PartialError if it does."""
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
            f"{count} assets, roles or rules of Superset differ from the source", "run `trailhouse publish`"
        )
    say(f"{drift.unchanged_count} assets are as in the source, and so is who may see them")
