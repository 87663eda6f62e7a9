"""``trailhouse config``: show the settings and where they come from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from trailhouse.cli.console import print_rows
from trailhouse.cli.options import JsonOption

config_app = typer.Typer(no_args_is_help=True, help="Settings and where they come from.")


@config_app.command("show")
def show_settings(
    origin: Annotated[bool, typer.Option("--origin", help="Also say where each setting comes from.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the settings; passwords stay hidden."""
    import pyarrow as pa

    from trailhouse.flows.settings import describe_settings, load_settings

    rows = [asdict(setting) for setting in describe_settings(load_settings())]
    if not origin:
        rows = [{key: value for key, value in row.items() if key != "origin"} for row in rows]
    print_rows(pa.Table.from_pylist(rows), as_json=as_json)
