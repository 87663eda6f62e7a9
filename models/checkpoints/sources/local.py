"""This module lists checkpoints in local directories, which lie in one folder or are named by a manifest."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import Checkpoint, read_checkpoint
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.sources.declared_tokenizer import DeclaredTokenizer
from trailhouse.models.checkpoints.sources.skipped_directories import describe_skipped
from trailhouse.models.checkpoints.sources.source import ByteProgress, FailedCheckpoint, Listing
from trailhouse.models.checkpoints.step_pattern import TrainingPosition, read_training_position
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.support.progress import report_note

# Matches the names that trainers give to unfinished directories and files
UNFINISHED_NAME = re.compile(r"(^tmp[-_.])|([-_.](tmp|temp|partial|incomplete|part|writing)([-_.]|$))", re.IGNORECASE)
# A checkpoint that cannot be read counts as unfinished if it was modified within this many seconds
UNFINISHED_SECONDS = 60.0


@dataclass(frozen=True)
class LocatedCheckpoint:
    """A directory that should hold a checkpoint."""

    position: TrainingPosition
    directory: Path


@dataclass
class LocalSource:
    """The checkpoints of one model, which lie in directories of this machine."""

    suite: Suite
    model: ModelDeclaration
    located: Sequence[LocatedCheckpoint]
    hash_cache: HashCache = field(default_factory=HashCache)
    unfinished: Sequence[LocatedCheckpoint] = ()
    """Directories whose names mark them as unfinished."""
    skipped: str | None = None
    """What to tell the user about other directories with weights, see ``describe_skipped``."""
    tokenizer: DeclaredTokenizer | None = None
    """The tokenizer that the suite declares for the model."""

    def list_checkpoints(self, progress: ByteProgress | None = None) -> Listing:
        """Return the checkpoints, after checking and hashing the files of every directory.

        The user is told of directories with weights that are skipped.
        """
        listing = Listing()
        if self.skipped is not None:
            report_note(f"{self.model.location}: skipped {self.skipped}")
        tokenizer_directory = None if self.tokenizer is None else self.tokenizer.fetch()
        for found in self.located:
            try:
                checkpoint = read_checkpoint(
                    self.model,
                    self.suite,
                    found.position,
                    found.directory,
                    self.hash_cache,
                    progress,
                    tokenizer_directory,
                )
                listing.checkpoints.append(checkpoint)
            except BadInputError as error:
                is_unfinished = looks_unfinished(found.directory)
                listing.failures.append(
                    FailedCheckpoint(found.position, str(found.directory), error, is_unfinished=is_unfinished)
                )
        self.hash_cache.save()
        listing.unfinished.extend(_report_unfinished(found) for found in self.unfinished)
        return listing

    def fetch(self, checkpoint: Checkpoint, target: Path, progress: ByteProgress | None = None) -> Path:  # noqa: ARG002
        """Return the checkpoint's own directory; nothing is copied."""
        return checkpoint.directory


def locate_checkpoints(
    suite: Suite, model: ModelDeclaration, location: Path, hash_cache: HashCache | None = None
) -> LocalSource:
    """Return the directories in ``location`` whose names match the model's step pattern, as a source of checkpoints.

    Raises BadInputError if ``location`` does not exist, holds no checkpoint, or holds two checkpoints of one step.
    """
    if not location.is_dir():
        raise BadInputError(f"{location}: there is no such directory", "check location in the suite's YAML file")
    found: dict[int, LocatedCheckpoint] = {}
    unfinished = []
    unmatched = []
    for path in sorted(location.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        position = read_training_position(model.step_pattern, path.name, model.batch_tokens)
        if UNFINISHED_NAME.search(path.name):
            position = position or _read_unfinished_position(model, path.name)
            unfinished.extend([LocatedCheckpoint(position, path)] if position else [])
            continue
        if position is None:
            unmatched.append(path)
            continue
        if position.step in found:
            other = found[position.step].directory
            raise BadInputError(f"{path} and {other} are both step {position.step}", "remove one of the two")
        found[position.step] = LocatedCheckpoint(position, path)
    skipped = describe_skipped(unmatched, model.step_pattern, allow_pickle=model.allow_pickle)
    if not found:
        raise BadInputError(
            f"{location}: holds no checkpoint directories that match {model.step_pattern!r}"
            + (f", and {skipped}" if skipped else ""),
            "check location and step_pattern in the suite's YAML file",
        )
    located = [found[step] for step in sorted(found)]
    return LocalSource(suite, model, located, hash_cache or HashCache(), unfinished, skipped)


def looks_unfinished(directory: Path) -> bool:
    """Return whether a directory holds temporary files, or was modified within the last minute."""
    try:
        files = [path for path in directory.iterdir() if path.is_file()]
        if any(UNFINISHED_NAME.search(path.name) for path in files):
            return True
        times = [directory.stat().st_mtime, *(path.stat().st_mtime for path in files)]
    except OSError:
        return False
    return max(times) > time.time() - UNFINISHED_SECONDS


def _read_unfinished_position(model: ModelDeclaration, name: str) -> TrainingPosition | None:
    """Return the training position in an unfinished directory's name, ignoring a mark such as ``.tmp`` in the name."""
    stripped = UNFINISHED_NAME.sub("", name)
    try:
        return read_training_position(model.step_pattern, stripped, model.batch_tokens)
    except BadInputError:
        return None


def _report_unfinished(found: LocatedCheckpoint) -> FailedCheckpoint:
    error = BadInputError(f"{found.directory}: is still being written", "wait until its name is the final one")
    return FailedCheckpoint(found.position, str(found.directory), error, is_unfinished=True)
