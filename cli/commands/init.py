"""``trailhouse init``: create or check the raw tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption

if TYPE_CHECKING:
    from trailhouse.warehouse.schema.migrations import Migration


def init(
    check: Annotated[
        bool, typer.Option("--check", help="Only list missing migrations; exit with 2 if there are any.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Create the database and bring its schema up to date. Running the command again changes nothing.

    The embedded warehouse gets its tables from the first command that uses it. A warehouse on a server, and one that an
    earlier version made, need this command.

    A raw table that is gone is created again without its rows. `trailhouse score` and the other commands then write
    them again.
    """
    from trailhouse.flows.services.warehouse import locate_warehouse, restrict_to_reading
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.schema.initialisation import initialise, require_schema
    from trailhouse.warehouse.schema.migrations import packaged_migrations, pending_migrations, read_migrations

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = locate_warehouse(settings)
    migrations = read_migrations(packaged_migrations())
    if check:
        with connect(restrict_to_reading(settings, address)) as client:
            pending = name_all(pending_migrations(client, migrations))
            if as_json:
                print_json({"database": address.database, "pending": pending})
            require_schema(client)
        say(f"{address.database}: schema is up to date")
        return
    change = initialise(address, migrations)
    applied = name_all(change.applied)
    if as_json:
        print_json({"database": address.database, "applied": applied, "restored": change.restored})
    say(f"{address.database}: applied {', '.join(applied)}" if applied else f"{address.database}: schema is up to date")
    if change.restored:
        say(f"{address.database}: created again, without rows: {', '.join(change.restored)}")


def name_all(migrations: Sequence[Migration]) -> list[str]:
    """Return the numbers and names of migrations, as in the names of their files."""
    return [f"{migration.version:04d}_{migration.name}" for migration in migrations]
