"""``trailhouse ask``: run a named question (a documented SQL query) with parameters."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import print_rows, say
from trailhouse.cli.options import CsvOption, DataDirectoryOption, JsonOption, ParquetOption, WarehouseUrlOption
from trailhouse.errors import UsageError
from trailhouse.support.wording import suggest


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
    """Run a named question with parameters. Without a name, list the questions.

    A suite or corpus that is not given is the only one that is scored, or else the one that was scored last; a line on
    stderr names it. If the answer is empty, a line says why and what fills it.
    """
    import pyarrow as pa

    from trailhouse.flows.services.warehouse import resolve_reader_address
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.reading.empty_answers import explain_empty_answer
    from trailhouse.warehouse.reading.questions import (
        ask_question,
        check_values,
        packaged_questions,
        read_answer_caveats,
        read_questions,
    )
    from trailhouse.warehouse.reading.scored_subjects import (
        choose_subject,
        find_open_parameters,
        list_subjects,
        refuse_unknown_values,
    )

    questions = read_questions(packaged_questions())
    if name is None or only_list:
        rows = [
            {
                "subject": question.subject,
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
        raise UsageError(f"there is no question {name!r}", f"{suggest(name, questions)}see `trailhouse ask`")
    given = dict(parse_parameter(text) for text in param or ())
    check_values(questions[name], given)
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with connect(resolve_reader_address(settings)) as client:
        is_open = bool(find_open_parameters(questions[name], given))
        values, choice = choose_subject(questions[name], given, list_subjects(client) if is_open else [])
        rows_found = ask_question(client, questions[name], values)
        if rows_found.num_rows == 0:
            refuse_unknown_values(client, given)
            emptiness = explain_empty_answer(client, questions[name], values, list_subjects(client))
        caveats = read_answer_caveats(client, questions[name], values)
    if choice is not None:
        say(f"note: {choice}")
    for caveat in caveats:
        say(f"note: {caveat}")
    if rows_found.num_rows == 0:
        say(emptiness)
    print_rows(rows_found, as_json=as_json, as_csv=as_csv, parquet=parquet)


def parse_parameter(text: str) -> tuple[str, str]:
    """Return the name and the value in a text ``name=value``. Raises UsageError if the text has no equals sign."""
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--param {text!r} has no value", "write it as name=value")
    return name, value
