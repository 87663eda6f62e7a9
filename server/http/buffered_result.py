"""This module holds a query's result back until the server knows whether the query succeeds.

A result of up to 64 MiB is held in memory, and a larger result in a temporary file.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from trailhouse.server.clickhouse_errors import ServerError

_MEMORY_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20
_FREE_BYTES = 1 << 30  # a result leaves this much of the disk free, because the warehouse may be on the same disk


class BufferedResult:
    """A result that is collected piece by piece and sent later."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size_bytes = 0

    @property
    def is_in_memory(self) -> bool:
        """Whether the result is in memory, so that ``join`` can return it."""
        return self._file is None

    async def append(self, data: bytes) -> None:
        """Add a piece at the end of the result. Raises ServerError 243 if too little of the disk is free for it."""
        self.size_bytes += len(data)
        self._parts.append(data)
        if self.size_bytes > _MEMORY_BYTES:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  stream closes the file
            await asyncio.to_thread(_write, self._file, self._parts)
            self._parts = []

    def join(self) -> bytes:
        """Return the complete result. Call this only if ``is_in_memory`` is true."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the result in pieces. Call this only once."""
        if self._file is not None:
            self._file.seek(0)
            while data := await asyncio.to_thread(self._file.read, _PIECE_BYTES):
                yield data
            self._file.close()
        for part in self._parts:
            yield part


def _write(file: IO[bytes], parts: list[bytes]) -> None:
    disk = os.fstatvfs(file.fileno())
    if disk.f_bavail * disk.f_frsize < _FREE_BYTES:
        file.close()
        text = "Cannot hold the result back until its end: the disk for temporary files has less than 1 GiB free"
        raise ServerError(243, "NOT_ENOUGH_SPACE", text)
    file.writelines(parts)
