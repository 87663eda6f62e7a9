"""What every source of checkpoints can do: say which there are, and bring one here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from trailhouse.errors import TrailhouseError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.step_pattern import TrainingPosition

ByteProgress = Callable[[int], None]


@dataclass(frozen=True)
class FailedCheckpoint:
    """A checkpoint that is there and cannot be used."""

    position: TrainingPosition
    place: str
    """Directory or revision."""
    error: TrailhouseError
    is_unfinished: bool = False
    """Whether it was written to a moment ago: it may be whole soon."""


@dataclass
class Listing:
    """The checkpoints of one model, by step, and those that cannot be used."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    failures: list[FailedCheckpoint] = field(default_factory=list)
    unfinished: list[FailedCheckpoint] = field(default_factory=list)
    """Those whose names say that they are still being written: nothing is wrong with them yet."""


class CheckpointSource(Protocol):
    """The checkpoints of one model, wherever they are."""

    def list_checkpoints(self, progress: ByteProgress | None = None) -> Listing:
        """Return what there is, with identities; no weights are downloaded.

        Errors: BadInputError where the place itself is wrong; UnreachableError where it does not answer.
        """

    def fetch(self, checkpoint: Checkpoint, target: Path, progress: ByteProgress | None = None) -> Path:
        """Return a directory that holds the whole, verified checkpoint.

        Local checkpoints stay where they are. Others are brought into ``target``, whole or not at all;
        ``progress`` is called with the bytes downloaded since its last call.

        Errors: BadInputError where what came is not what was listed; UnreachableError where nothing came.
        """
