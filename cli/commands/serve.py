"""``trailhouse serve``: run the embedded warehouse server in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import say
from trailhouse.cli.options import DataDirectoryOption


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8123,
    memory_gib: Annotated[
        float | None,
        typer.Option(min=0.5, help="Memory limit for all queries together. [default: 60 % of the machine's memory]"),
    ] = None,
    errors_after_rows: Annotated[
        bool,
        typer.Option(
            "--errors-after-rows",
            help="If a query fails after its first rows, send them and then the error, as ClickHouse does.",
        ),
    ] = False,
    data_directory: DataDirectoryOption = None,
) -> None:
    """Run the embedded warehouse server in the foreground, until Ctrl-C or SIGTERM.

    ClickHouse clients, curl, dbt and dashboards connect to this server as to any ClickHouse server. The passwords of
    the users `admin`, `reader` and `dashboards` are in DATA_DIRECTORY/warehouse/*.password.
    """
    from trailhouse.flows.services.warehouse import list_published_tables
    from trailhouse.flows.settings import load_settings
    from trailhouse.server.serve import serve as serve_embedded

    settings = load_settings(data_directory=data_directory, warehouse_memory_gib=memory_gib)

    def announce(url: str) -> None:
        say(f"serving {settings.warehouse_directory} at {url}; users admin, reader and dashboards, stop it with Ctrl-C")

    serve_embedded(
        settings.warehouse_directory,
        host=host,
        port=port,
        memory_limit_bytes=settings.warehouse_memory_bytes,
        published_tables=list_published_tables(settings),
        sends_late_errors=errors_after_rows,
        on_ready=announce,
    )
