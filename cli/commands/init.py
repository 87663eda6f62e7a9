"""``trailhouse init``: create or check the raw tables."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import print_json, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.errors import UsageError
from trailhouse.flows.settings import load_settings


def init(
    check: Annotated[
        bool, typer.Option("--check", help="Only list missing migrations; exit with 2 if there are any.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Create the database and bring its schema up to date. Running the command again changes nothing."""
    from trailhouse.flows.services.warehouse import resolve_address, resolve_reader_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.schema.migrations import (
        apply_migrations,
        packaged_migrations,
        pending_migrations,
        read_migrations,
    )

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_reader_address(settings) if check else resolve_address(settings)
    migrations = read_migrations(packaged_migrations())
    if check:
        with connect(address) as client:
            pending = pending_migrations(client, migrations)
    else:
        pending = apply_migrations(address, migrations)
    names = [f"{migration.version:04d}_{migration.name}" for migration in pending]
    if as_json:
        print_json({"database": address.database, "pending" if check else "applied": names})
    if check and names:
        raise UsageError(f"{len(names)} migrations are missing, the first is {names[0]}", "run `trailhouse init`")
    say(f"{address.database}: applied {', '.join(names)}" if names else f"{address.database}: schema is up to date")
