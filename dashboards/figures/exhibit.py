"""This module defines what a figure and a table have in common: a name, a title, a source, and the marts they read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

PUBLISHED_SUITE = "opt-published"


def has_rows(rows: pa.Table, *_companions: pa.Table) -> bool:
    """Return whether a table has a row."""
    return int(rows.num_rows) > 0


@dataclass(frozen=True)
class Selection:
    """The rows of a mart that are read: those of one suite and one corpus.

    ``equals`` holds (column, value) pairs. Only rows with these values are read.
    """

    mart: str
    columns: tuple[str, ...]
    equals: tuple[tuple[str, str], ...] = ()
    suite_column: str | None = "suite_id"
    """The column of the suite. If it is None, the rows of all suites are read."""
    corpus_column: str | None = "corpus_id"
    """The column of the corpus. If it is None, the rows of all corpora are read."""


@dataclass(frozen=True)
class Companion(Selection):
    """Another mart that is shown in addition to the main one.

    ``suite_id`` is the published suite whose rows are read. If it is None, the rows of the same suite and corpus as in
    the main mart are read.
    """

    suite_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Exhibit(Selection):
    """A figure or a table of a paper, made from a mart and its companions."""

    name: str
    title: str
    source: str
    companions: tuple[Companion, ...] = ()
    is_drawable: Callable[..., bool] = has_rows
    """Whether the rows of the mart and of its companions hold what is shown."""
