"""What every source of checkpoints provides: a list of them, and each one on local disk."""

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
    """A checkpoint that exists and cannot be used."""

    position: TrainingPosition
    location: str
    """Directory or revision."""
    error: TrailhouseError
    is_unfinished: bool = False
    """Whether it is probably still being written, and may become usable."""


@dataclass
class Listing:
    """The checkpoints of one model in order of their steps, and those that cannot be used."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    failures: list[FailedCheckpoint] = field(default_factory=list)
    unfinished: list[FailedCheckpoint] = field(default_factory=list)
    """Those whose names say that they are still being written; they were not read."""


class CheckpointSource(Protocol):
    """The checkpoints of one model, wherever they are stored."""

    def list_checkpoints(self, progress: ByteProgress | None = None) -> Listing:
        """Return the checkpoints with their identities. No weights are downloaded.

        ``progress`` is called with the number of bytes hashed since its last call.

        Raises BadInputError if the source as a whole is wrong, UnreachableError if it does not answer.
        """

    def fetch(self, checkpoint: Checkpoint, target: Path, progress: ByteProgress | None = None) -> Path:
        """Return a local directory that holds the complete, verified checkpoint.

        That is the checkpoint's own directory if it is local, else ``target``, which is created only when the
        download is complete. ``progress`` is called with the number of bytes downloaded since its last call.

        Raises BadInputError if the content differs from the listed hashes, UnreachableError if the download fails.
        """
