"""This module locks a data directory, so that two processes cannot use the directory at the same time."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.support.files import write_whole
from trailhouse.support.secrets import OWNER_ONLY


class DirectoryLock:
    """The lock of a data directory, in the file ``<directory>/server.lock``. One process at a time can hold the lock.

    The kernel releases the lock when the process ends, even by kill -9. The file ``<directory>/server.holder.json``
    tells other processes which process holds the lock.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = FileLock(directory / "server.lock", mode=OWNER_ONLY, thread_local=False)

    def acquire(self) -> Self:
        """Take the lock, and record in ``server.holder.json`` that this process holds the lock.

        Raises UnreachableError, which names the other process, if another process holds the lock. Raises UsageError if
        this process cannot write to the directory.
        """
        try:
            self._lock.acquire(blocking=False)
            write_whole(self._holder_path, json.dumps(_describe_this_process()), mode=OWNER_ONLY)
        except Timeout as error:
            raise UnreachableError(
                f"the warehouse directory {self._directory} is in use by {self._read_holder()}",
                "use that server, or end it with `trailhouse stop`",
            ) from error
        except OSError as error:
            raise UsageError(
                f"cannot write to the warehouse directory {self._directory}: {error.strerror}",
                "make it writable for this user, or name another directory",
            ) from error
        return self

    def release(self) -> None:
        """Release the lock, so that another process can take it."""
        self._lock.release()

    @property
    def _holder_path(self) -> Path:
        return self._directory / "server.holder.json"

    def _read_holder(self) -> str:
        try:
            record = json.loads(self._holder_path.read_text(encoding="utf-8"))
            return f"process {record['pid']} on {record['host']} since {record['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"


def _describe_this_process() -> dict[str, int | str]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
