"""Room on disk for checkpoints that were fetched: a limit, and the least recently used make way."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trailhouse.models.checkpoints.checkpoint import Checkpoint

LOCK_SUFFIX = ".lock"
PARTIAL_SUFFIX = ".partial"


class CheckpointCache:
    """Directories of fetched checkpoints, one per identity, together not larger than a limit.

    Whoever uses a directory holds a lock on it, which ends with the process at the latest; what is locked is never
    removed, so the limit yields where the checkpoints in use are larger than it.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes

    @contextmanager
    def reserve(self, checkpoint: Checkpoint) -> Iterator[Path]:
        """Make room for a checkpoint, and keep its place from others while the block lasts.

        Yields where it belongs: a directory that holds it already, or does not exist.
        """
        place = self._directory / f"{checkpoint.weights_sha256}-{checkpoint.config_sha256[:8]}"
        self._directory.mkdir(parents=True, exist_ok=True)
        with _lock_path(place).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_dir():
                self._make_room(place, checkpoint.size_bytes)
            yield place
            if place.is_dir():
                place.touch()

    def _make_room(self, place: Path, needed_bytes: int) -> None:
        """Remove the least recently used directories until ``needed_bytes`` more fit the limit."""
        partial = place.with_name(place.name + PARTIAL_SUFFIX)  # a download that was cut short goes on
        others = [path for path in self._directory.iterdir() if path.is_dir() and path != partial]
        sizes = {path: _measure_directory(path) for path in sorted(others, key=lambda path: path.stat().st_mtime)}
        total_bytes = sum(sizes.values()) + needed_bytes
        for path, size_bytes in sizes.items():
            if total_bytes <= self._limit_bytes:
                return
            with _lock_path(path).open("w") as lock:
                if _try_lock(lock):
                    shutil.rmtree(path)
                    total_bytes -= size_bytes


def _lock_path(place: Path) -> Path:
    return place.with_name(place.name.removesuffix(PARTIAL_SUFFIX) + LOCK_SUFFIX)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _measure_directory(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
