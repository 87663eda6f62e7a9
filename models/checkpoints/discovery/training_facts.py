"""This module reads how a model was trained from the files of its checkpoints, and says from which file."""

from __future__ import annotations

import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.discovery.found_models import FoundModel
from trailhouse.models.checkpoints.model_config import read_config_of
from trailhouse.models.checkpoints.trainer_run import STATE_NAME, count_batch_tokens, read_trainer_state

ARGUMENTS_NAME = "training_args.bin"
MAXIMUM_ARGUMENTS_BYTES = 1 << 20
_STRINGS = {"BINUNICODE", "SHORT_BINUNICODE", "UNICODE"}
_INTEGERS = {"BININT", "BININT1", "BININT2", "INT"}
_MEMORISING = {"MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"}


@dataclass(frozen=True)
class Fact:
    """A number, and where it comes from."""

    value: int
    origin: str


@dataclass(frozen=True)
class TrainingFacts:
    """How a model was trained; None for what its files do not state."""

    batch_tokens: Fact | None
    """Tokens per step."""
    planned_steps: Fact | None
    seed: Fact | None


def read_training_facts(model: FoundModel) -> TrainingFacts:
    """Return what the last checkpoint of a model says about its training.

    Raises BadInputError if its trainer_state.json is no state of the Trainer.
    """
    last = model.last_checkpoint
    batch_tokens: Fact | None = None
    planned_steps: Fact | None = None
    if (last / STATE_NAME).is_file():
        origin = f"in {STATE_NAME} of {last.name}"
        state = read_trainer_state(last)
        planned_steps = Fact(state.planned_steps, f"max_steps {origin}")
        try:
            tokens = count_batch_tokens(last, state, read_config_of(last))
            counted = "num_input_tokens_seen" if state.token_count else "total_flos"
            batch_tokens = Fact(tokens, f"computed from {counted} {origin}")
        except BadInputError:  # neither tokens nor FLOPs are stated
            pass
    return TrainingFacts(batch_tokens, planned_steps, _find_seed(model.directory, last))


def _find_seed(directory: Path, last: Path) -> Fact | None:
    for path in (last / ARGUMENTS_NAME, directory / ARGUMENTS_NAME):
        seed = read_pickled_integer(path, "seed") if path.is_file() else None
        if seed is not None and seed >= 0:
            return Fact(seed, f"from {path.relative_to(directory)}")
    return None


def read_pickled_integer(path: Path, name: str) -> int | None:
    """Return the integer that a file of ``torch.save`` holds under a name, or None if it holds none.

    The pickle is only scanned for the name and the number after it. It is never loaded, because that can run code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
            if entry.file_size > MAXIMUM_ARGUMENTS_BYTES:
                return None
            content = archive.read(entry)
        previous: object = None
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in _MEMORISING:
                continue
            if previous == name and opcode.name in _INTEGERS and isinstance(argument, int):
                return int(argument)
            previous = argument if opcode.name in _STRINGS else None
    except (OSError, ValueError, StopIteration, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return None
    return None
