"""``trailhouse status``: show what the warehouse holds."""

from __future__ import annotations

from dataclasses import asdict

from trailhouse.cli.console import print_json, print_table, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption


def status(
    as_json: JsonOption = False, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """Show the models of the warehouse, how many of their checkpoints are scored, and the sizes of the tables.

    Problems of the schema, and rows that are gone although the ledgers state them, are printed first.
    """
    import pyarrow as pa

    from trailhouse.flows.services.warehouse import resolve_reader_address
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.upkeep.status import read_status

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_reader_address(settings)
    with connect(address) as client:
        found = read_status(client)
    if as_json:
        print_json({"url": address.url, "database": address.database, **asdict(found)})
        return
    say(f"warehouse {address.url}, database {address.database}")
    for problem in found.problems:
        say(f"problem: {problem.found}")
        say(f"  hint: {problem.hint}")
    if found.models:
        print_table(pa.Table.from_pylist([asdict(model) for model in found.models]), title="Scored models")
    elif not found.problems:
        say("no models yet: run `trailhouse demo`, or declare a suite with `trailhouse suite add`")
    if found.tables:
        print_table(pa.Table.from_pylist([asdict(table) for table in found.tables]), title="Tables")
