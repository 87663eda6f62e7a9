"""A result that is held back until its query's status is known, in memory or, above 64 MiB, in a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO

_MEMORY_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


class BufferedResult:
    """The pieces of a result, in order."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size_bytes = 0

    @property
    def is_in_memory(self) -> bool:
        """Whether ``join`` can return the result."""
        return self._file is None

    async def append(self, data: bytes) -> None:
        """Add one piece."""
        self.size_bytes += len(data)
        self._parts.append(data)
        if self.size_bytes > _MEMORY_BYTES:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by stream, or with this object
            await asyncio.to_thread(self._file.writelines, self._parts)
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
