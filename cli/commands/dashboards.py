"""``trailhouse dashboards``: start and stop Superset beside the warehouse, and add users."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from trailhouse.cli.commands.publish import run_publication
from trailhouse.cli.console import print_json, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption

dashboards_app = typer.Typer(no_args_is_help=True, help="Superset beside the warehouse, with the dashboards in it.")


PortOption = Annotated[int | None, typer.Option(help="Port of the local Superset; 0 takes a free one. [default: 8088]")]


@dashboards_app.command()
def start(
    port: PortOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Start Superset if it is not running, publish the dashboards and print their address."""
    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, superset_port=port)
    run_publication(settings, as_json=as_json)
    if settings.superset_url is None:
        say("log in as admin, with the password that `trailhouse dashboards password` prints")
        say("stop it with `trailhouse dashboards stop`")


@dashboards_app.command()
def stop(data_directory: DataDirectoryOption = None) -> None:
    """Stop the local Superset. Its dashboards and users are kept."""
    from trailhouse.dashboards.superset.superset_process import stop_superset
    from trailhouse.flows.services.superset import locate_installation
    from trailhouse.flows.settings import load_settings

    was_running = stop_superset(locate_installation(load_settings(data_directory=data_directory)))
    say("stopped Superset" if was_running else "no Superset is running")


@dashboards_app.command()
def status(as_json: JsonOption = False, data_directory: DataDirectoryOption = None) -> None:
    """Print the address of Superset, if a Superset is configured or the local Superset is running."""
    from trailhouse.flows.services.superset import find_running_superset
    from trailhouse.flows.settings import load_settings

    superset = find_running_superset(load_settings(data_directory=data_directory))
    if as_json:
        print_json({"url": None if superset is None else superset.url})
    say("no Superset is running" if superset is None else f"Superset runs; its dashboards are at {superset.first_page}")


@dashboards_app.command()
def password(data_directory: DataDirectoryOption = None) -> None:
    """Print the password of the user admin of the local Superset."""
    from trailhouse.flows.services.superset import read_local_password
    from trailhouse.flows.settings import load_settings

    typer.echo(read_local_password(load_settings(data_directory=data_directory)))


@dashboards_app.command()
def add_user(
    name: Annotated[str, typer.Argument(help="Name to log in with.")],
    role: Annotated[
        Literal["stakeholder", "researcher"],
        typer.Option(help="A stakeholder sees dashboards; a researcher can also run SQL and make charts."),
    ] = "stakeholder",
    group: Annotated[
        list[str] | None, typer.Option(help="Group of the access file; the user sees only its suites. May be repeated.")
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
) -> None:
    """Create a user of Superset. The generated password is printed only once."""
    from trailhouse.dashboards.publish.users import add_user as add_user_to
    from trailhouse.flows.services.superset import connect_superset, resolve_superset
    from trailhouse.flows.settings import load_settings

    superset = resolve_superset(load_settings(data_directory=data_directory))
    password = add_user_to(connect_superset(superset), name, role, group or ())
    if as_json:
        print_json({"user": name, "role": role, "groups": group or [], "password": password, "url": superset.url})
    else:
        typer.echo(password)
    say(f"{name} logs in at {superset.url} and changes the password under Settings, Info")
