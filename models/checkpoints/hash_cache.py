"""Remembering the SHA-256 of files that have not changed, so that looking again costs no reading.

A file counts as unchanged while path, inode, size and both times are the same: writing to it moves its change
time, which no ordinary program can set back.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from trailhouse.errors import BadInputError

HASH_BLOCK_BYTES = 1 << 20
Signature = list[int]


class HashMemory:
    """SHA-256 by file; without a path nothing is kept beyond this object."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.is_changed = False
        self.entries: dict[str, tuple[Signature, str]] = _read_entries(path)

    def hash_file(self, path: Path, progress: Callable[[int], None] | None = None) -> str:
        """Return the SHA-256 of a file's content, as 64 hexadecimal digits.

        ``progress`` is called with the bytes dealt with since its last call.

        Errors: BadInputError where the file cannot be read, or changed while it was.
        """
        try:
            before = sign_file(path)
            known = self.entries.get(str(path.resolve()))
            if known is not None and known[0] == before:
                if progress is not None:
                    progress(before[1])
                return known[1]
            digest = _hash_content(path, progress)
            after = sign_file(path)
        except OSError as error:
            raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the file's permissions") from error
        if before != after:
            raise BadInputError(f"{path}: is still being written", "run this again when it is finished")
        self.entries[str(path.resolve())] = (before, digest)
        self.is_changed = True
        return digest

    def save(self) -> None:
        """Write what was learned to the memory's file, whole or not at all."""
        if self.path is None or not self.is_changed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        partial.write_text(json.dumps(self.entries), encoding="utf-8")
        partial.replace(self.path)
        self.is_changed = False


def sign_file(path: Path) -> Signature:
    """Return what changes whenever a file's content does: inode, size, modification and change time."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _hash_content(path: Path, progress: Callable[[int], None] | None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
            if progress is not None:
                progress(len(block))
    return digest.hexdigest()


def _read_entries(path: Path | None) -> dict[str, tuple[Signature, str]]:
    """Read the memory's file; one that is damaged is forgotten, since everything in it can be computed again."""
    if path is None or not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
        return {str(name): ([int(n) for n in signature], str(sha256)) for name, (signature, sha256) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
