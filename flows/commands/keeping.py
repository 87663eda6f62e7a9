"""``backup`` and ``restore``: the warehouse in a directory, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.flows.commands.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.console import print_json, progress_bars, say
from trailhouse.flows.progress import report_progress
from trailhouse.flows.settings import load_settings


def backup(
    directory: Annotated[Path, typer.Argument(help="New directory for the backup.")],
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Copy the warehouse into a directory, with a manifest of row counts and hashes.

    The directory appears when the copy is whole. Run it when nothing is loaded or transformed.
    """
    from trailhouse.flows.address import resolve_address
    from trailhouse.warehouse.backup import back_up
    from trailhouse.warehouse.connection import connect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with connect(resolve_address(settings)) as client, progress_bars():
        manifest = back_up(client, directory, report_progress)
    if as_json:
        print_json({"directory": str(directory), "rows": manifest.row_count, "bytes": manifest.size_bytes})
    say(f"{len(manifest.tables)} tables with {manifest.row_count} rows are in {directory}")


def restore(
    directory: Annotated[Path, typer.Argument(help="Directory of a backup.", exists=True, file_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace a warehouse that holds rows.")] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Make the warehouse what a backup says; the backup is verified before anything is replaced."""
    from trailhouse.flows.address import resolve_address
    from trailhouse.warehouse import restore as restoring

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_address(settings)
    with progress_bars():
        manifest = restoring.restore(address, directory, replaces=force, progress=report_progress)
    if as_json:
        print_json({"database": address.database, "rows": manifest.row_count, "tables": len(manifest.tables)})
    say(f"{address.database} holds the {manifest.row_count} rows backed up at {manifest.created_at}")
