"""``trailhouse backup``: write the warehouse to a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.settings import load_settings
from trailhouse.support.progress import report_progress


def backup(
    directory: Annotated[Path, typer.Argument(help="New directory for the backup.")],
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Copy the warehouse to a new directory, and write a manifest with row counts and hashes.

    The directory appears when the copy is complete. Do not run a backup while scores are loaded or marts are derived.
    """
    from trailhouse.flows.services.warehouse import resolve_address
    from trailhouse.warehouse.upkeep.backup import back_up

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_address(settings)
    with progress_bars():
        manifest = back_up(address, directory, since=since, progress=report_progress)
    if as_json:
        print_json({"directory": str(directory), "rows": manifest.row_count, "bytes": manifest.size_bytes})
    say(f"{len(manifest.tables)} tables with {manifest.row_count} rows are in {directory}")
