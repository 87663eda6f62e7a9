"""This module finds the columns or fields of a file that hold the texts and their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trailhouse.errors import BadInputError

TEXT_COLUMNS = ("text", "content", "document")
"""Columns in which texts are looked for if the user names none; the first that a file has is used."""
NAME_COLUMN = "id"
"""Column with the names of documents if the user names none. A file need not have it."""
SHOWN_NAMES = 20


@dataclass(frozen=True)
class TextColumns:
    """The columns that the user names; None for a column that is looked for."""

    text_column: str | None = None
    name_column: str | None = None
    found: set[str] = field(default_factory=set, compare=False)
    """The columns of texts that were found in files, so that the user can be told."""

    def find_text_column(self, names: Sequence[str], location: str, noun: str) -> str:
        """Return which of the columns called ``names`` holds the texts. ``noun`` is what a column is called.

        Raises BadInputError, which lists the columns, if there is none, or if two have its name.
        """
        candidates = TEXT_COLUMNS if self.text_column is None else (self.text_column,)
        chosen = next((name for name in candidates if name in names), None)
        if chosen is None:
            others = f", nor {' or '.join(candidates[1:])}" if candidates[1:] else ""
            raise BadInputError(
                f"{location}, {noun} {candidates[0]}: there is no such {noun}{others}; it has: {list_names(names)}",
                "name the one that holds the texts with --text-column",
            )
        refuse_two(names, chosen, location, noun)
        self.found.add(chosen)
        return chosen

    def find_name_column(self, names: Sequence[str], location: str, noun: str) -> str | None:
        """Return which of the columns called ``names`` holds the names of the documents; None if none does.

        Raises BadInputError, which lists the columns, if the user named a column that is not there.
        """
        chosen = NAME_COLUMN if self.name_column is None else self.name_column
        if chosen in names:
            refuse_two(names, chosen, location, noun)
            return chosen
        if self.name_column is None:
            return None
        raise BadInputError(
            f"{location}, {noun} {chosen}: there is no such {noun}; it has: {list_names(names)}",
            "name the one that holds the names with --name-column",
        )


def refuse_two(names: Sequence[str], chosen: str, location: str, noun: str) -> None:
    """Raise BadInputError if two columns are called ``chosen``."""
    if list(names).count(chosen) > 1:
        raise BadInputError(f"{location}: two {noun}s are called {chosen}", "rename one of them")


def list_names(names: Sequence[str]) -> str:
    """Return the names of columns for a message, at most 20 of them."""
    left_out = len(names) - SHOWN_NAMES
    return (", ".join(names[:SHOWN_NAMES]) or "none") + (f" and {left_out} more" if left_out > 0 else "")
