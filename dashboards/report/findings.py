"""What a report shows: the answers of named questions about a suite on a corpus."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from trailhouse.support.visible_text import make_visible

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The rows that a named question gives, with the question and its parameters."""

    question: str
    parameters: Mapping[str, str]
    rows: pa.Table

    @property
    def command(self) -> str:
        """The command that asks the question."""
        options = [word for name, value in self.parameters.items() if value for word in ("--param", f"{name}={value}")]
        return shlex.join(["trailhouse", "ask", self.question, *options])

    def list_rows(self) -> list[Row]:
        """Return the rows as dictionaries."""
        rows: list[Row] = self.rows.to_pylist()
        return rows


@dataclass(frozen=True)
class Findings:
    """All that a report shows of a suite on a corpus.

    ``model_id`` is the model that the report is about, the largest of the suite. It is compared with the other models
    of ``reference_suite_id``. Answers about several models or suites are tuples with one answer for each. An answer
    without rows is a part that is missing.
    """

    suite_id: str
    suite_description: str
    corpus_id: str
    corpus_description: str
    document_count: int
    model_id: str
    reference_suite_id: str
    model_colors: Mapping[str, str]
    dark_model_colors: Mapping[str, str]
    """Colours of the models on a dark page."""
    models: tuple[Answer, ...]
    perplexities: tuple[Answer, ...]
    equal_compute: Answer
    equal_perplexity: Answer
    newest_checkpoint: Answer
    trend_shares: Answer
    start_percent: int
    forgotten_tokens: Answer
    most_forgotten_document: Answer
    """The document of which ``model_id`` forgets the largest share of tokens."""
    task_accuracies: tuple[Answer, ...]
    """Accuracies of the last checkpoints, of ``model_id`` first."""
    shot_count: int
    states: Answer
    wrong_checkpoints: Answer
    is_audited: bool
    provenance: Answer
    caveats: tuple[str, ...]
    version: str
    written_at: str

    @property
    def names(self) -> dict[str, str]:
        """The names by which the report calls the models, smallest model first.

        A name has no suite before it, unless two models of the report would have the same name.
        """
        model_ids = [row["model_id"] for answer in self.models for row in answer.list_rows()]
        short = [model_id.partition("/")[2] or model_id for model_id in model_ids]
        is_unique = len(set(short)) == len(short)
        names = short if is_unique else model_ids
        return {model_id: make_visible(name) for model_id, name in zip(model_ids, names, strict=True)}

    def describe_model(self) -> Row:
        """Return the row of ``models`` about the model that the report is about."""
        return next(row for answer in self.models for row in answer.list_rows() if row["model_id"] == self.model_id)
