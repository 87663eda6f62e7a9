"""This module creates directories under a temporary name, and renames them when they are complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL_SUFFIX = ".partial"


@contextmanager
def creating_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary directory for the ``with`` block to fill, and rename it to ``target`` when the block ends.

    If the block raises an exception, the temporary directory is kept, so that an interrupted download can be continued.
    """
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    partial.mkdir(parents=True, exist_ok=True)
    yield partial
    partial.replace(target)
