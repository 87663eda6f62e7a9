"""This module reads and runs named questions, which are SQL files that ``trailhouse ask`` runs by name.

A question is a file ``sql/questions/<subject>/<name>.sql``. The file begins with comments:

    -- What the question answers, in one to three sentences.
    -- caveats fct_trend_caveat
    -- parameter corpus_id String = python-docs-validation: what the parameter means

The rest of the file is one SELECT, in which this parameter is written {corpus_id:String}. The line ``caveats`` is
optional and names a mart. The mart's caveats about the suite of the question are printed with the answer. If the
question has a parameter ``corpus_id``, only those about this corpus are printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.wording import suggest
from trailhouse.warehouse.reading.query import read_columns, run_sql

INTEGER_TYPE = re.compile(r"(?P<unsigned>U?)Int(?P<bits>\d+)")
CAVEATS = "-- caveats "
PARAMETER = re.compile(r"-- parameter (\w+) (\w+)(?: = (.*?))?: (.+)")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a question. If ``default`` is None, the user must give a value for the parameter."""

    name: str
    type: str
    default: str | None
    description: str


@dataclass(frozen=True)
class Question:
    """A named question with its SQL."""

    subject: str
    """Folder of the question, for example ``perplexity``."""
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str
    caveat_mart: str | None = None
    """Mart with the caveats that are printed with the answer; None if the question has no caveats."""


def packaged_questions() -> Traversable:
    """Return the folder of the questions that are part of Trailhouse."""
    return resources.files("trailhouse") / "sql" / "questions"


def read_questions(folder: Traversable) -> dict[str, Question]:
    """Return the questions of a folder by name, ordered by subject and name. Each subject is a subfolder.

    Raises BadInputError if two subjects have a question of the same name.
    """
    questions: dict[str, Question] = {}
    subjects = [subject for subject in folder.iterdir() if subject.is_dir()]
    for subject in sorted(subjects, key=lambda subject: subject.name):
        for file in sorted(subject.iterdir(), key=lambda file: file.name):
            if not file.name.endswith(".sql"):
                continue
            name = file.name.removesuffix(".sql")
            if name in questions:
                raise BadInputError(
                    f"the question {name} is in {questions[name].subject} and in {subject.name}",
                    "rename one of the two",
                )
            questions[name] = parse_question(subject.name, name, file.read_text(encoding="utf-8"))
    return questions


def parse_question(subject: str, name: str, text: str) -> Question:
    """Return the named question in the text of an SQL file. Its SQL is the complete text, comments included.

    Raises BadInputError if the comments have no description.
    """
    comments = [line for line in text.splitlines() if line.startswith("--")]
    parameters = tuple(Parameter(*match.groups()) for match in map(PARAMETER.fullmatch, comments) if match)
    marts = [line.removeprefix(CAVEATS).strip() for line in comments if line.startswith(CAVEATS)]
    prefixes = ("-- parameter ", CAVEATS)
    description = [line.removeprefix("--").strip() for line in comments if not line.startswith(prefixes)]
    if not description:
        raise BadInputError(f"question {name}.sql does not say what it answers", "begin it with a comment line")
    return Question(subject, name, " ".join(description), parameters, text, marts[0] if marts else None)


def ask_question(client: Client, question: Question, values: Mapping[str, str]) -> pa.Table:
    """Run a question with the given parameter values; parameters without a value get their default.

    Raises UsageError if a value is given for an unknown parameter, or if a parameter has neither value nor default.
    Raises BadInputError if a mart of the question was never derived.
    """
    try:
        return run_sql(client, question.sql, fill_parameters(question, values))
    except BadInputError as error:
        if "(UNKNOWN_TABLE)" not in error.message:
            raise
        raise BadInputError(
            f"question {question.name} reads a mart that is not derived yet",
            "run `trailhouse transform`, after `trailhouse score` if nothing is scored yet",
        ) from error


def fill_parameters(question: Question, values: Mapping[str, str]) -> dict[str, str | None]:
    """Return the value of every parameter: the given value or the default.

    Raises UsageError if a value is given for an unknown parameter, if it is no number where one is expected, or if a
    parameter has neither value nor default.
    """
    check_values(question, values)
    missing = [p.name for p in question.parameters if p.default is None and p.name not in values]
    if missing:
        raise UsageError(f"question {question.name} needs parameter {missing[0]}", f"add --param {missing[0]}=VALUE")
    return {p.name: values.get(p.name, p.default) for p in question.parameters}


def check_values(question: Question, values: Mapping[str, str]) -> None:
    """Raise UsageError if a value is given for an unknown parameter, or if it is no number where one is expected."""
    known = {parameter.name: parameter for parameter in question.parameters}
    for name, value in values.items():
        if name not in known:
            raise UsageError(
                f"question {question.name} has no parameter {name}",
                f"{suggest(name, known)}it has: {', '.join(known) or 'none'}",
            )
        refuse_wrong_number(known[name], value)


def refuse_wrong_number(parameter: Parameter, value: str) -> None:
    """Raise UsageError if a parameter is a number, and the value is none or does not fit the type."""
    if match := INTEGER_TYPE.fullmatch(parameter.type):
        bits = int(match["bits"])
        lowest, highest = (0, 2**bits - 1) if match["unsigned"] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        is_right = re.fullmatch(r"[-+]?[0-9]{1,20}", value) is not None and lowest <= int(value) <= highest
        wanted = f"a whole number from {lowest} to {highest}"
    elif parameter.type.startswith("Float"):
        is_right = re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", value) is not None
        wanted = "a number"
    else:
        return
    if not is_right:
        raise UsageError(f"--param {parameter.name}={value}: {wanted} is expected", f"it is: {parameter.description}")


def read_caveats(
    client: Client, mart: str, suite_id: str, corpus_id: str | None, last_start_percent: int | None = None
) -> list[str]:
    """Return the caveats that a mart holds about a suite on a corpus, one line per caveat.

    If ``corpus_id`` is None, the caveats of the mart are not about a corpus. If ``last_start_percent`` is given,
    caveats that concern only later starts of the trend fit are left out.
    A line lists the models that the caveat concerns, the smallest model first, followed by the caveat.
    """
    about = {"suite_id": suite_id} if corpus_id is None else {"suite_id": suite_id, "corpus_id": corpus_id}
    starts = [] if last_start_percent is None else ["from_start_percent"]
    rows = read_columns(client, mart, ["parameter_count", "model_id", "caveat", *starts], about).to_pylist()
    models: dict[str, list[str]] = {}
    for row in rows:
        if last_start_percent is not None and row["from_start_percent"] > last_start_percent:
            continue
        models.setdefault(row["caveat"], []).append(row["model_id"].partition("/")[2])
    return [f"{', '.join(names)}: {caveat}" for caveat, names in models.items()]


def read_answer_caveats(client: Client, question: Question, values: Mapping[str, str]) -> list[str]:
    """Return the caveats to print with the answer of a question.

    The list is empty if the question names no mart that holds caveats.
    """
    if question.caveat_mart is None:
        return []
    filled = fill_parameters(question, values)
    return read_caveats(client, question.caveat_mart, str(filled["suite_id"]), filled.get("corpus_id"))
