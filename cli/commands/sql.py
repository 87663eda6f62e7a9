"""``trailhouse sql``: run one SQL statement."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trailhouse.cli.console import print_rows, say
from trailhouse.cli.options import CsvOption, DataDirectoryOption, JsonOption, ParquetOption, WarehouseUrlOption
from trailhouse.flows.settings import load_settings


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; - reads it from standard input.")],
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    parquet: ParquetOption = None,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Run one SQL statement against the warehouse.

    Example: trailhouse sql "select model_id, count() from raw_token_score group by model_id"
    """
    from trailhouse.flows.services.warehouse import resolve_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.reading.query import run_sql

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    text = sys.stdin.read() if statement == "-" else statement
    with connect(resolve_address(settings)) as client:
        rows = run_sql(client, text)
    if rows.num_columns:
        print_rows(rows, as_json=as_json, as_csv=as_csv, parquet=parquet)
    else:
        say("done")
