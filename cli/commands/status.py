"""``trailhouse status``: show what the warehouse holds."""

from __future__ import annotations

from dataclasses import asdict

import pyarrow as pa

from trailhouse.cli.console import print_json, print_table, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.settings import load_settings


def status(
    as_json: JsonOption = False, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """Show the models of the warehouse, how many of their checkpoints are scored, and the sizes of the tables."""
    from trailhouse.flows.services.warehouse import resolve_reader_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.reading.query import read_scored_models, read_table_sizes

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_reader_address(settings)
    with connect(address) as client:
        models = [asdict(model) for model in read_scored_models(client)]
        tables = [asdict(table) for table in read_table_sizes(client)]
    if as_json:
        print_json({"url": address.url, "database": address.database, "models": models, "tables": tables})
        return
    say(f"warehouse {address.url}, database {address.database}")
    if models:
        print_table(pa.Table.from_pylist(models), title="Scored models")
    else:
        say("no models yet: run `trailhouse demo`, or declare a suite with `trailhouse suite add`")
    if tables:
        print_table(pa.Table.from_pylist(tables), title="Tables")
