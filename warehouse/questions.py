"""Named questions: documented, parameterised SQL files, run by name.

A question is a file of sql/queries/. Its head is made of comments:

    -- First comment line: what it answers, in one sentence.
    -- parameter corpus_id String = python-docs-validation: what the parameter means

and its body is one SELECT that uses the parameters as {corpus_id:String}.
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
from trailhouse.warehouse.query import run_sql

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


def packaged_questions() -> Traversable:
    """The folder of questions that Trailhouse ships."""
    return resources.files("trailhouse") / "sql" / "queries"


def read_questions(folder: Traversable) -> dict[str, Question]:
    """Read all questions of a folder, by name."""
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    questions = [parse_question(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files]
    return {question.name: question for question in questions}


def parse_question(name: str, text: str) -> Question:
    """Split a file into its documented head and its statement.

    Raises BadInputError if the file does not say what it answers.
    """
    comments = [line for line in text.splitlines() if line.startswith("--")]
    parameters = tuple(Parameter(*match.groups()) for match in map(PARAMETER.fullmatch, comments) if match)
    prose = [line.removeprefix("--").strip() for line in comments if not line.startswith("-- parameter ")]
    if not prose:
        raise BadInputError(f"question {name}.sql does not say what it answers", "begin it with a comment line")
    return Question(name, " ".join(prose), parameters, text)


def ask_question(client: Client, question: Question, values: Mapping[str, str]) -> pa.Table:
    """Run a question with the given parameter values, defaults filled in.

    Raises UsageError naming a parameter that is unknown or missing.
    """
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
    filled = {name: values.get(name, parameter.default) for name, parameter in known.items()}
    return run_sql(client, question.sql, filled)
