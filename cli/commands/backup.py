"""``trailhouse backup``: write the warehouse to a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.support.progress import report_progress
from trailhouse.support.wording import count_of

SinceOption = Annotated[
    Path | None,
    typer.Option(
        "--since",
        metavar="EARLIER",
        exists=True,
        file_okay=False,
        help="Directory of an earlier backup. Only what changed since then is copied; a restore needs both.",
    ),
]


def backup(
    directory: Annotated[Path, typer.Argument(help="New directory for the backup.")],
    since: SinceOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Copy the warehouse to a new directory, and write a manifest with row counts and hashes.

    The directory appears when the copy is complete. Checkpoints may be scored and evaluated meanwhile: the backup has
    the checkpoints that the ledgers stated as done when it began. After a restore of a backup that was made during
    `trailhouse transform`, run `trailhouse transform`.

    A full backup and then what changed each day:

        trailhouse backup backups/monday

        trailhouse backup backups/tuesday --since backups/monday

        trailhouse restore backups/tuesday
    """
    from trailhouse.flows.services.warehouse import resolve_address
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.upkeep.backup import back_up

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_address(settings)
    with progress_bars():
        manifest = back_up(address, directory, since=since, progress=report_progress)
    if as_json:
        print_json(
            {
                "directory": str(directory),
                "rows": manifest.row_count,
                "bytes": manifest.size_bytes,
                "files": len(manifest.files),
                "partitions": manifest.partition_count,
                "copied_partitions": manifest.copied_count,
                "left_out": manifest.left_out_count,
                "needs": [earlier.path for earlier in manifest.earlier],
            }
        )
    say(f"{count_of(len(manifest.tables), 'table')} with {count_of(manifest.row_count, 'row')} are in {directory}")
    if since is not None:
        needed = ", ".join(earlier.path for earlier in manifest.earlier) or "no earlier backup"
        partitions = count_of(manifest.partition_count, "partition")
        say(f"copied: {manifest.copied_count} of {partitions}; a restore needs {needed}")
    if manifest.left_out_count:
        say(
            f"checkpoints or evaluations whose scores were left out: {manifest.left_out_count}. The ledgers do not"
            " state them as complete: they are being stored, or a killed load left them"
        )
