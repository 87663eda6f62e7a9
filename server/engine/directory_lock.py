"""One process per data directory: the lock file, and who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from trailhouse.errors import UnreachableError, UsageError


class DirectoryLock:
    """Holds ``<directory>/server.lock`` for the life of the process.

    The kernel drops the lock when the process ends, however it ends, so a killed server never leaves a
    directory locked. The file's text only tells others who the holder is.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "server.lock"
        self._file_descriptor: int | None = None

    def acquire(self) -> Self:
        """Take the lock, or say who has it.

        Raises UnreachableError where another process holds it, UsageError where the directory cannot be
        written.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"cannot write to the warehouse directory {self._path.parent}: {error.strerror}",
                "make it writable for this user, or name another directory",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _describe_holder(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise UnreachableError(
                f"the warehouse directory {self._path.parent} is in use by {holder}",
                "use that server, or end it with `trailhouse stop`",
            ) from error
        record = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(record).encode(), 0)
        self._file_descriptor = descriptor
        return self

    def release(self) -> None:
        """Give the directory back."""
        if self._file_descriptor is not None:
            os.close(self._file_descriptor)
            self._file_descriptor = None


def _describe_holder(text: bytes) -> str:
    try:
        record = json.loads(text)
        return f"process {record['pid']} on {record['host']} since {record['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
