"""The wording of messages: counts with their nouns, and the known name that is nearest to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 model" and "2 models"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'NAME'? " with the known name that is most like a wrong one, or an empty text."""
    nearest = get_close_matches(name, list(known), n=1)
    return f"did you mean {nearest[0]!r}? " if nearest else ""
