"""This module finds the models in a folder, and the step pattern of the names of their checkpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import check_config_file
from trailhouse.models.checkpoints.foreign_weights import find_foreign_format
from trailhouse.models.checkpoints.sources.local import UNFINISHED_NAME
from trailhouse.models.checkpoints.weight_files import list_weight_files

# The name of a checkpoint: a number, which is the step, with text before or after it
NUMBERED = re.compile(r"(?P<before>[^0-9]*)(?P<step>[0-9]{1,18})(?P<after>[^0-9]*)")
# Entries of config.json that are the same in all checkpoints of a model
SHAPE_KEYS = ("model_type", "hidden_size", "num_hidden_layers", "n_embd", "n_layer", "d_model")
DECLARATION_HINT = "declare the suite in a YAML file, see docs/reference/suites.md"
NAMED_COUNT = 3


@dataclass(frozen=True)
class FoundModel:
    """A directory with the checkpoints of one model."""

    directory: Path
    step_pattern: str
    checkpoints: Mapping[int, Path]
    """The directories of the checkpoints by step, in the order of the steps."""
    is_pickled: bool
    """Whether the weights of a checkpoint are in pickles only."""
    left_out: tuple[str, ...]
    """Names of directories with a model that are no checkpoints, because their names hold no number."""

    @property
    def last_checkpoint(self) -> Path:
        """The directory of the checkpoint with the last step."""
        return self.checkpoints[max(self.checkpoints)]


def find_models(directory: Path) -> list[FoundModel]:
    """Return the models in a folder: the folder itself if it holds checkpoints, or else its subdirectories that do.

    A checkpoint is a directory with config.json and weights whose name holds one number, which is the step.

    Raises BadInputError if there is no checkpoint, if the names of a model's checkpoints follow several patterns, or if
    they hold different models.
    """
    own = _find_model(directory)
    if own is not None:
        return [own]
    found = [model for child in _list_directories(directory) if (model := _find_model(child)) is not None]
    if not found:
        raise _explain_absence(directory)
    return found


def _find_model(directory: Path) -> FoundModel | None:
    """Return the model whose checkpoints are subdirectories of ``directory``; None if there are none."""
    patterns: dict[str, dict[int, Path]] = {}
    left_out = []
    for child in _list_directories(directory):
        if UNFINISHED_NAME.search(child.name) or not _holds_model(child):
            continue
        match = NUMBERED.fullmatch(child.name)
        if match is None:
            left_out.append(child.name)
            continue
        if _holds_checkpoints(child):
            continue  # a model whose name holds a number
        steps = patterns.setdefault(_write_pattern(match["before"], match["after"]), {})
        step = int(match["step"])
        if step in steps:
            raise BadInputError(f"{child} and {steps[step]} are both step {step}", "remove one of the two")
        steps[step] = child
    if not patterns:
        return None
    if len(patterns) > 1:
        listed = ", ".join(f"{pattern} ({len(steps)})" for pattern, steps in sorted(patterns.items()))
        raise BadInputError(
            f"{directory}: the names of its checkpoints follow several patterns: {listed}", DECLARATION_HINT
        )
    ((pattern, steps),) = patterns.items()
    checkpoints = {step: steps[step] for step in sorted(steps)}
    _refuse_different_models(list(checkpoints.values()))
    is_pickled = any(not _has_weights(path, allow_pickle=False) for path in checkpoints.values())
    return FoundModel(directory, pattern, checkpoints, is_pickled, tuple(left_out))


def _list_directories(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise BadInputError(f"{directory}: cannot be read: {error.strerror}", "check its permissions") from error


def _holds_model(directory: Path) -> bool:
    return (directory / "config.json").is_file() and _has_weights(directory, allow_pickle=True)


def _has_weights(directory: Path, *, allow_pickle: bool) -> bool:
    try:
        list_weight_files(directory, allow_pickle=allow_pickle)
    except BadInputError:
        return False
    return True


def _holds_checkpoints(directory: Path) -> bool:
    return any(NUMBERED.fullmatch(child.name) and _holds_model(child) for child in _list_directories(directory))


def _write_pattern(before: str, after: str) -> str:
    """Return the step pattern for names with a text before and after the step."""
    escaped = [re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text) for text in (before, after)]
    return rf"{escaped[0]}(\d+){escaped[1]}"


def _refuse_different_models(checkpoints: Sequence[Path]) -> None:
    """Raise BadInputError if the configurations of the checkpoints are those of different models."""
    first = checkpoints[0]
    shape = _read_shape(first)
    for other in checkpoints[1:]:
        for key, value in _read_shape(other).items():
            if shape[key] != value:
                raise BadInputError(
                    f"{first} and {other} hold different models ({key} {shape[key]} and {value}), so the numbers in"
                    " their names are no steps of one model",
                    "put the checkpoints of each model into a folder of its own",
                )


def _read_shape(checkpoint: Path) -> dict[str, object]:
    check_config_file(checkpoint / "config.json")
    content = json.loads((checkpoint / "config.json").read_bytes())
    return {key: content.get(key) for key in SHAPE_KEYS}


def _explain_absence(directory: Path) -> BadInputError:
    """Return the error about a folder without checkpoints. It says what was expected and what is there instead."""
    expected = "expected are folders such as checkpoint-1000, step1000 or 1000, each with config.json and weights"
    if _holds_model(directory):
        return BadInputError(
            f"{directory}: is a single model, without checkpoints; {expected}", "name its parent folder"
        )
    children = _list_directories(directory)
    for child in children:
        foreign = find_foreign_format(path.name for path in child.iterdir())
        if foreign is not None:
            return BadInputError(f"{directory}: holds no checkpoints; {child.name} has {foreign.content}", foreign.hint)
    models = [child.name for child in children if _holds_model(child)]
    there = models or [child.name for child in children]
    names = ", ".join([*there[:NAMED_COUNT], *(["..."] if len(there) > NAMED_COUNT else [])]) or "no folder"
    held = f"models without a step in their names ({names})" if models else names
    return BadInputError(f"{directory}: holds no checkpoints; {expected}, and it has {held}", DECLARATION_HINT)
