"""Named questions: documented, parameterised SQL files, run by name.

A question is a file of sql/questions/. Its head is made of comments:

    -- First comment line: what it answers, in one sentence.
    -- caveats fct_trend_caveat
    -- parameter corpus_id String = python-docs-validation: what the parameter means

The caveats are those of a mart about the suite and corpus that are asked about: what the answer does not say of itself.
Its body is one SELECT that uses the parameters as {corpus_id:String}.
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
from trailhouse.warehouse.reading.query import read_columns, run_sql

CAVEATS = "-- caveats "
PARAMETER = re.compile(r"-- parameter (\w+) (\w+)(?: = (.*?))?: (.+)")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a question; without a default it must be given."""

    name: str
    type: str
    default: str | None
    description: str


@dataclass(frozen=True)
class Question:
    """A named question with its SQL."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str
    caveat_mart: str | None = None


def packaged_questions() -> Traversable:
    """The folder of questions that Trailhouse ships."""
    return resources.files("trailhouse") / "sql" / "questions"


def read_questions(folder: Traversable) -> dict[str, Question]:
    """Read the questions of a folder, which has one folder per subject; returns them by name."""
    subjects = [subject for subject in folder.iterdir() if subject.is_dir()]
    files = [file for subject in subjects for file in subject.iterdir() if file.name.endswith(".sql")]
    questions = [parse_question(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files]
    return {question.name: question for question in sorted(questions, key=lambda question: question.name)}


def parse_question(name: str, text: str) -> Question:
    """Split a file into its documented head and its statement.

    Raises BadInputError if the file does not say what it answers.
    """
    comments = [line for line in text.splitlines() if line.startswith("--")]
    parameters = tuple(Parameter(*match.groups()) for match in map(PARAMETER.fullmatch, comments) if match)
    marts = [line.removeprefix(CAVEATS).strip() for line in comments if line.startswith(CAVEATS)]
    heads = ("-- parameter ", CAVEATS)
    prose = [line.removeprefix("--").strip() for line in comments if not line.startswith(heads)]
    if not prose:
        raise BadInputError(f"question {name}.sql does not say what it answers", "begin it with a comment line")
    return Question(name, " ".join(prose), parameters, text, marts[0] if marts else None)


def ask_question(client: Client, question: Question, values: Mapping[str, str]) -> pa.Table:
    """Run a question with the given parameter values, defaults filled in.

    Raises UsageError naming a parameter that is unknown or missing.
    """
    return run_sql(client, question.sql, fill_parameters(question, values))


def fill_parameters(question: Question, values: Mapping[str, str]) -> dict[str, str | None]:
    """Give every parameter its value; raises UsageError naming one that is unknown or missing."""
    known = {parameter.name: parameter for parameter in question.parameters}
    for name in values:
        if name not in known:
            raise UsageError(
                f"question {question.name} has no parameter {name}",
                f"it has: {', '.join(known) or 'none'}",
            )
    missing = [p.name for p in question.parameters if p.default is None and p.name not in values]
    if missing:
        raise UsageError(f"question {question.name} needs parameter {missing[0]}", f"add --param {missing[0]}=VALUE")
    return {name: values.get(name, parameter.default) for name, parameter in known.items()}


def read_caveats(client: Client, mart: str, suite_id: str, corpus_id: str) -> list[str]:
    """What a mart of caveats says about the models of a suite on a corpus, one line for each caveat.

    The line begins with the names of the models that it is about, the smallest first.
    """
    place = {"suite_id": suite_id, "corpus_id": corpus_id}
    rows = read_columns(client, mart, ["parameter_count", "model_id", "caveat"], place).to_pylist()
    models: dict[str, list[str]] = {}
    for row in rows:
        models.setdefault(row["caveat"], []).append(row["model_id"].partition("/")[2])
    return [f"{', '.join(names)}: {caveat}" for caveat, names in models.items()]


def read_answer_caveats(client: Client, question: Question, values: Mapping[str, str]) -> list[str]:
    """What a reader of the answer has to know besides; nothing for a question without caveats."""
    if question.caveat_mart is None:
        return []
    filled = fill_parameters(question, values)
    return read_caveats(client, question.caveat_mart, str(filled["suite_id"]), str(filled["corpus_id"]))
