"""This module says why the answer of a question is empty, and which commands fill it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.reading.questions import Question, fill_parameters
from trailhouse.warehouse.reading.scored_subjects import Subject

# What writes the rows that the questions of a subject read; questions of the other subjects read scores.
_FILLED_BY = {
    "tasks": "`trailhouse evaluate {suite} --tasks TASKS` or `trailhouse import`",
    "sequences": "`trailhouse generate` or `trailhouse corrupt`, with `--score {suite}`,",
    "phases": "`trailhouse phases measure {suite}`",
}
_SCORING = "`trailhouse score {suite} --corpus {corpus}`"
_TREND_SUBJECTS = {"trends", "tokens", "token_sets"}
_SUITE_MARTS = ("dim_suite", "dim_published_model", "dim_phase_model")


def explain_empty_answer(
    client: Client, question: Question, values: Mapping[str, str], subjects: Iterable[Subject]
) -> str:
    """Return a sentence that says why a question has no rows with these values, and what fills them.

    ``subjects`` come from ``list_subjects``.
    """
    filled = fill_parameters(question, values)
    suite, corpus = filled.get("suite_id") or "", filled.get("corpus_id") or ""
    scored = set(subjects)
    suites = {subject.suite_id for subject in scored}
    fill = _FILLED_BY.get(question.subject, _SCORING).format(suite=suite or "SUITE", corpus=corpus or "CORPUS")
    known = suites | _list_values(client, _SUITE_MARTS, "suite_id")
    if not suites and (not suite or suite not in known):
        command = _FILLED_BY.get(question.subject, _SCORING).format(suite="SUITE", corpus="CORPUS")
        return f"no rows, because no suite is scored or evaluated yet: run {command} and `trailhouse transform`"
    if suite and suite not in known:
        return f"no rows, because the warehouse has no results of a suite {suite!r}; it has: {_name(known)}"
    corpora = _list_values(client, ("raw_corpus",), "corpus_id")
    if corpus and suite in suites and corpus not in corpora:
        return f"no rows, because the warehouse has no corpus {corpus!r}; it has: {_name(corpora)}"
    if suite in suites and suite not in _list_values(client, ("dim_suite",), "suite_id"):
        return f"no rows, because the results of suite {suite} are not in the marts yet: run `trailhouse transform`"
    if corpus and suite in suites and Subject(suite, corpus) not in scored:
        return f"no rows, because suite {suite} is not scored on {corpus}: run {fill} and `trailhouse transform`"
    need = "; a trend needs three checkpoints" if question.subject in _TREND_SUBJECTS else ""
    return (
        f"no rows: the marts hold nothing that fits{need}. Its rows come from {fill} and then `trailhouse transform`;"
        " `trailhouse ask --list` shows the parameters"
    )


def _list_values(client: Client, tables: Iterable[str], column: str) -> set[str]:
    """Return the values of a column in those of the tables that exist."""
    present = [table for table in tables if read_row(client, f"exists table {table}")[0]]
    return {
        str(value)
        for table in present
        for (value,) in client.query(f"select distinct toString({column}) from {table}").result_rows
    }


def _name(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "none"
