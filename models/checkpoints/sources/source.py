"""This module defines the interface of a source, which lists a model's checkpoints and fetches them to local disk."""

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
    """A checkpoint that exists but cannot be used."""

    position: TrainingPosition
    location: str
    """Directory or revision of the checkpoint."""
    error: TrailhouseError
    is_unfinished: bool = False
    """Whether the checkpoint is probably still being written, so that it may become usable."""


@dataclass
class Listing:
    """The usable checkpoints of one model in order of their steps, and the checkpoints that cannot be used."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    failures: list[FailedCheckpoint] = field(default_factory=list)
    unfinished: list[FailedCheckpoint] = field(default_factory=list)
    """Checkpoints that were not read, because their names say that they are still being written."""


class CheckpointSource(Protocol):
    """The interface to the checkpoints of one model, which may be local or remote."""

    def list_checkpoints(self, progress: ByteProgress | None = None) -> Listing:
        """Return the checkpoints with their identities. No weights are downloaded.

        ``progress`` is called with the number of bytes hashed since its last call.

        Raises BadInputError if the source cannot be used at all, and UnreachableError if it does not answer.
        """

    def fetch(self, checkpoint: Checkpoint, target: Path, progress: ByteProgress | None = None) -> Path:
        """Return a local directory that holds the complete, verified checkpoint.

        For a local checkpoint, the result is its own directory. For a remote checkpoint, the result is ``target``,
        and this directory appears only when the download is complete. ``progress`` is called with the number of bytes
        downloaded since its last call.

        Raises BadInputError if the content differs from the listed hashes, and UnreachableError if the download fails.
        """
