"""``trailhouse restore``: read a backup into the warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.support.progress import report_progress
from trailhouse.support.wording import count_of


def restore(
    directory: Annotated[Path, typer.Argument(help="Directory of a backup.", exists=True, file_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace a warehouse that holds rows.")] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Replace the content of the warehouse by a backup. Before the replacement, the backup is verified."""
    from trailhouse.flows.services.warehouse import locate_warehouse
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.upkeep import restore as restoring

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = locate_warehouse(settings)
    with progress_bars():
        manifest = restoring.restore(address, directory, replaces=force, progress=report_progress)
    if as_json:
        print_json({"database": address.database, "rows": manifest.row_count, "tables": len(manifest.tables)})
    say(f"{address.database} holds {count_of(manifest.row_count, 'row')}, backed up at {manifest.created_at}")
