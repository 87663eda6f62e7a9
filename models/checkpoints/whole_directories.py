"""Directories that appear complete or not at all: they are filled under a temporary name and then renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL_SUFFIX = ".partial"


@contextmanager
def creating_directory(target: Path) -> Iterator[Path]:
    """Yield a directory to fill; when the block ends it is renamed to ``target``.

    The directory is kept if the block raises, so that an interrupted download can be continued.
    """
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    partial.mkdir(parents=True, exist_ok=True)
    yield partial
    partial.replace(target)
