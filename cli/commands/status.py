"""``trailhouse status``: show what the warehouse holds."""

from __future__ import annotations

from dataclasses import asdict

import pyarrow as pa

from trailhouse.cli.console import print_json, print_table, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.errors import UsageError
from trailhouse.flows.settings import load_settings


def status(
    as_json: JsonOption = False, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """Show the models of the warehouse, how many of their checkpoints are scored, and the sizes of the tables.

    Problems of the schema, and rows that are gone although the ledgers state them, are printed first.
    """
    from clickhouse_connect.driver.exceptions import DatabaseError

    from trailhouse.flows.services.warehouse import resolve_reader_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.reading.query import read_scored_models, read_table_sizes
    from trailhouse.warehouse.schema.initialisation import require_schema
    from trailhouse.warehouse.upkeep.lost_rows import find_lost_rows

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_reader_address(settings)
    problems: list[dict[str, str]] = []
    models: list[dict[str, object]] = []
    with connect(address) as client:
        try:
            require_schema(client)
        except UsageError as error:
            problems.append({"found": error.message, "hint": error.hint})
        try:
            models = [asdict(model) for model in read_scored_models(client)]
        except DatabaseError:
            if not problems:
                raise  # otherwise, the schema lacks a table or column that the query reads
        problems += [{"found": lost.found, "hint": lost.hint} for lost in find_lost_rows(client)]
        tables = [asdict(table) for table in read_table_sizes(client)]
    if as_json:
        print_json(
            {
                "url": address.url,
                "database": address.database,
                "problems": problems,
                "models": models,
                "tables": tables,
            }
        )
        return
    say(f"warehouse {address.url}, database {address.database}")
    for problem in problems:
        say(f"problem: {problem['found']}")
        say(f"  hint: {problem['hint']}")
    if models:
        print_table(pa.Table.from_pylist(models), title="Scored models")
    elif not problems:
        say("no models yet: run `trailhouse demo`, or declare a suite with `trailhouse suite add`")
    if tables:
        print_table(pa.Table.from_pylist(tables), title="Tables")
