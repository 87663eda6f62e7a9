"""``serve``, ``stop`` and ``init``: the warehouse itself."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.errors import UsageError
from trailhouse.flows.commands.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.console import print_json, say
from trailhouse.flows.settings import load_settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8123,
    memory_gib: Annotated[
        float | None, typer.Option(min=0.5, help="Memory of all queries together; unset, 60 % of the machine's.")
    ] = None,
    data_directory: DataDirectoryOption = None,
) -> None:
    """Serve the embedded warehouse in the foreground, until Ctrl-C or SIGTERM.

    ClickHouse clients, curl, dbt and dashboards connect to it as to a ClickHouse server. Passwords of the users
    `admin` and `reader` are in DATA_DIRECTORY/warehouse/*.password.
    """
    from trailhouse.warehouse.embedded.server import serve as serve_embedded

    settings = load_settings(data_directory=data_directory, warehouse_memory_gib=memory_gib)

    def announce(url: str) -> None:
        say(f"serving {settings.warehouse_directory} at {url}; users admin and reader, Ctrl-C ends it")

    serve_embedded(
        settings.warehouse_directory,
        host=host,
        port=port,
        memory_limit_bytes=settings.warehouse_memory_bytes,
        on_ready=announce,
    )


def stop(data_directory: DataDirectoryOption = None) -> None:
    """Stop the embedded warehouse server that a command started; it also stops by itself when idle."""
    from trailhouse.warehouse.embedded.process import stop as stop_embedded

    settings = load_settings(data_directory=data_directory)
    was_running = stop_embedded(settings.warehouse_directory)
    say("stopped the embedded server" if was_running else "no embedded server is running")


def init(
    check: Annotated[bool, typer.Option("--check", help="Only say what is missing; exit 2 if anything is.")] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Create the database and bring its schema up to date; running it again changes nothing."""
    from trailhouse.flows.address import resolve_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.migrations import (
        apply_migrations,
        packaged_migrations,
        pending_migrations,
        read_migrations,
    )

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_address(settings)
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
