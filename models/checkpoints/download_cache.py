"""This module keeps downloaded checkpoints on disk. To free space, it removes the least recently used checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.whole_directories import PARTIAL_SUFFIX


class CheckpointCache:
    """Keeps each downloaded checkpoint in its own directory, and limits the total size to ``limit_bytes``.

    A directory is locked while it is used, and a locked directory is never removed. So the cache exceeds its limit
    if the checkpoints in use are larger than the limit. If a process is killed, its locks are released.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes

    @contextmanager
    def reserve(self, checkpoint: Checkpoint) -> Iterator[Path]:
        """Free the space that a checkpoint needs, and lock the checkpoint's directory while the ``with`` block runs.

        Yields the path of this directory. If the directory exists, it already holds the complete checkpoint. If not,
        the block must download the checkpoint to this path.
        """
        target = self._directory / f"{checkpoint.weights_sha256}-{checkpoint.config_sha256[:8]}"
        self._directory.mkdir(parents=True, exist_ok=True)
        with _lock_of(target):
            if not target.is_dir():
                self._free_space(target, checkpoint.size_bytes)
            yield target
            if target.is_dir():
                target.touch()

    def _free_space(self, target: Path, needed_bytes: int) -> None:
        """Remove the least recently used directories until the cache has room for ``needed_bytes`` more."""
        partial = target.with_name(target.name + PARTIAL_SUFFIX)  # may hold an interrupted download of this checkpoint
        others = [path for path in self._directory.iterdir() if path.is_dir() and path != partial]
        sizes = {path: _measure_directory(path) for path in sorted(others, key=lambda path: path.stat().st_mtime)}
        total_bytes = sum(sizes.values()) + needed_bytes
        for path, size_bytes in sizes.items():
            if total_bytes <= self._limit_bytes:
                return
            try:
                with _lock_of(path).acquire(blocking=False):
                    shutil.rmtree(path)
            except Timeout:
                continue  # the directory is in use
            total_bytes -= size_bytes


def _lock_of(directory: Path) -> FileLock:
    """Return the lock of a checkpoint's directory. An interrupted download of the checkpoint shares this lock."""
    return FileLock(directory.with_name(directory.name.removesuffix(PARTIAL_SUFFIX) + ".lock"), mode=0o600)


def _measure_directory(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
