"""``trailhouse sql``: run one SQL statement."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trailhouse.cli.console import print_rows, say
from trailhouse.cli.options import CsvOption, DataDirectoryOption, JsonOption, ParquetOption, WarehouseUrlOption
from trailhouse.errors import UsageError


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; - reads it from standard input.")],
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    parquet: ParquetOption = None,
    may_write: Annotated[
        bool, typer.Option("--write", help="Run a statement that changes the warehouse, and say what it changes.")
    ] = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Run one SQL statement against the warehouse. Without --write, the statement may only read.

    Example: trailhouse sql "select model_id, count() from raw_token_score group by model_id"
    """
    from trailhouse.flows.services.warehouse import resolve_address, resolve_reader_address
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.reading.changes import describe_change
    from trailhouse.warehouse.reading.query import is_writing, run_sql

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    text = sys.stdin.read() if statement == "-" else statement
    if is_writing(text) and not may_write:
        raise UsageError("the statement changes the warehouse", "`trailhouse sql --write` runs such a statement")
    address = resolve_address(settings) if may_write else resolve_reader_address(settings)
    with connect(address) as client:
        if may_write:
            say(f"the statement {describe_change(client, text)}, in database {address.database} at {address.url}")
        rows = run_sql(client, text)
    if rows.num_columns:
        print_rows(rows, as_json=as_json, as_csv=as_csv, parquet=parquet)
    else:
        say("done")
