"""This module describes the directories in a folder of checkpoints that the step pattern does not match.

Such a directory may hold a model that only needs another step pattern, or weights that must be converted first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.foreign_weights import find_foreign_format
from trailhouse.models.checkpoints.weight_files import PICKLED_NAMES, list_weight_files

# A message names at most this many directories of one kind
NAMED_COUNT = 3
MODEL = ("a model", "give the suite a step_pattern that matches the names")
PICKLED_MODEL = (
    "pickled weights",
    "convert them with save_pretrained where you trust them, or give the suite allow_pickle: true and a step_pattern"
    " that matches the names",
)


def describe_skipped(directories: Sequence[Path], step_pattern: str, *, allow_pickle: bool) -> str | None:
    """Describe in one line the directories with weights that ``step_pattern`` does not match, and say what to do.

    Directories without weights, such as those with logs, are left out. Returns None if no directory holds weights.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for directory in directories:
        kind = _classify(directory, allow_pickle=allow_pickle)
        if kind is not None:
            kinds.setdefault(kind, []).append(directory.name)
    if not kinds:
        return None
    count = sum(len(names) for names in kinds.values())
    parts = [f"{len(names)} with {content} ({_list_names(names)}): {hint}" for (content, hint), names in kinds.items()]
    noun = "directory" if count == 1 else "directories"
    return f"{count} {noun} that step_pattern '{step_pattern}' does not match: {'; '.join(parts)}"


def _classify(directory: Path, *, allow_pickle: bool) -> tuple[str, str] | None:
    """Return what a directory holds and what to do with it, or None if it holds no weights."""
    try:
        names = {path.name for path in directory.iterdir()}
    except OSError:
        return None
    if "config.json" in names and _has_readable_weights(directory, allow_pickle=allow_pickle):
        return MODEL
    if "config.json" in names and not names.isdisjoint(PICKLED_NAMES):
        return PICKLED_MODEL
    foreign = find_foreign_format(names)
    return None if foreign is None else (foreign.content, foreign.hint)


def _has_readable_weights(directory: Path, *, allow_pickle: bool) -> bool:
    try:
        list_weight_files(directory, allow_pickle=allow_pickle)
    except BadInputError:
        return False
    return True


def _list_names(names: Sequence[str]) -> str:
    return ", ".join([*names[:NAMED_COUNT], *(["..."] if len(names) > NAMED_COUNT else [])])
