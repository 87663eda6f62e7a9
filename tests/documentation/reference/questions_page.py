"""The page of named questions."""

from __future__ import annotations

from itertools import groupby

from tests.documentation.reference.markdown import write_introduction, write_table, write_text
from trailhouse.warehouse.reading.questions import Question, packaged_questions, read_questions

INTRODUCTION = """\
`trailhouse ask NAME` answers a question. `--param NAME=VALUE` sets a parameter. A suite or corpus that is not given is
the only one that is scored, or else the one that was scored last. The SQL of a question is in
`sql/questions/SUBJECT/NAME.sql`.
"""


def write_questions_page() -> str:
    """Return the page of the questions, from the comments of their SQL files."""
    questions = read_questions(packaged_questions()).values()
    parts = [write_introduction("Questions", INTRODUCTION)]
    for subject, group in groupby(questions, key=lambda question: question.subject):
        parts.append(f"## {subject.replace('_', ' ').capitalize()}")
        parts += [write_question(question) for question in group]
    return "\n".join(parts)


def write_question(question: Question) -> str:
    """Return the section about one question."""
    rows = [
        (
            f"`{one.name}`",
            f"`{one.type}`",
            "must be given" if one.default is None else f"`{one.default}`" if one.default else "empty",
            write_text(one.description),
        )
        for one in question.parameters
    ]
    table = f"\n{write_table(('parameter', 'type', 'default', 'meaning'), rows)}" if rows else ""
    return f"### {question.name}\n{write_text(question.description)}\n{table}"
