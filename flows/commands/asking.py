"""``sql``, ``ask``, ``status`` and ``config``: looking at what is there."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from trailhouse.errors import UsageError
from trailhouse.flows.commands.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.console import print_json, print_rows, print_table, say
from trailhouse.flows.settings import describe_settings, load_settings

config_app = typer.Typer(no_args_is_help=True, help="Settings and where they come from.")

CsvOption = Annotated[bool, typer.Option("--csv", help="Print the result as CSV on stdout.")]
ParquetOption = Annotated[Path | None, typer.Option("--parquet", help="Write the result to this Parquet file.")]


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; - reads it from standard input.")],
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    parquet: ParquetOption = None,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Ask the warehouse anything.

    Example: trailhouse sql "select model_id, count() from raw_token_score group by model_id"
    """
    from trailhouse.flows.address import resolve_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.query import run_sql

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    text = sys.stdin.read() if statement == "-" else statement
    with connect(resolve_address(settings)) as client:
        rows = run_sql(client, text)
    if rows.num_columns:
        print_rows(rows, as_json=as_json, as_csv=as_csv, parquet=parquet)
    else:
        say("done")


def ask(
    name: Annotated[str | None, typer.Argument(help="Name of the question; without it, all are listed.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="Parameter as name=value.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List the questions, with their parameters.")] = False,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    parquet: ParquetOption = None,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Ask one of the named questions, with parameters; without a name, list them."""
    from trailhouse.flows.address import resolve_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.questions import ask_question, packaged_questions, read_questions, remark_answer

    questions = read_questions(packaged_questions())
    if name is None or only_list:
        rows = [
            {
                "question": question.name,
                "answers": question.description,
                "parameters": ", ".join(
                    p.name if p.default is None else f"{p.name}={p.default}" for p in question.parameters
                ),
            }
            for question in questions.values()
        ]
        print_rows(pa.Table.from_pylist(rows), as_json=as_json, as_csv=as_csv, parquet=parquet)
        return
    if name not in questions:
        raise UsageError(f"there is no question {name!r}", "see `trailhouse ask`")
    values = dict(parse_parameter(text) for text in param or ())
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with connect(resolve_address(settings)) as client:
        rows_found = ask_question(client, questions[name], values)
        remarks = remark_answer(client, questions[name], values)
    for remark in remarks:
        say(f"note: {remark}")
    if rows_found.num_rows == 0:
        say("no rows: `trailhouse status` shows what is scored, `trailhouse ask --list` the parameters")
    print_rows(rows_found, as_json=as_json, as_csv=as_csv, parquet=parquet)


def parse_parameter(text: str) -> tuple[str, str]:
    """Split name=value; raises UsageError if there is no equals sign."""
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--param {text!r} has no value", "write it as name=value")
    return name, value


def status(
    as_json: JsonOption = False, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """Show what the warehouse holds: models, how many of their checkpoints are scored, and table sizes."""
    from trailhouse.flows.address import resolve_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.query import read_scored_models, read_table_sizes

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    address = resolve_address(settings)
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


@config_app.command("show")
def show_settings(
    origin: Annotated[bool, typer.Option("--origin", help="Also say where each setting comes from.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the settings; passwords stay hidden."""
    rows = [asdict(setting) for setting in describe_settings(load_settings())]
    if not origin:
        rows = [{key: value for key, value in row.items() if key != "origin"} for row in rows]
    print_rows(pa.Table.from_pylist(rows), as_json=as_json)
