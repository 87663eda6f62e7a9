"""This module stores SHA-256 hashes of files, so that unchanged weight files are not read again.

A file counts as unchanged if its path, inode, size, modification time and change time are unchanged. Every write to a
file updates its change time, and ordinary programs cannot set the change time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.support.files import write_whole

HASH_BLOCK_BYTES = 1 << 20
Signature = list[int]


class HashCache:
    """The SHA-256 of files, by path. The hashes are saved in the file ``path``, unless ``path`` is None."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.is_changed = False
        self.entries: dict[str, tuple[Signature, str]] = _read_entries(path)

    def hash_file(self, path: Path, progress: Callable[[int], None] | None = None) -> str:
        """Return the SHA-256 of a file's content, as 64 hexadecimal digits.

        ``progress`` is called with the number of bytes hashed since its last call. If the cache has the hash,
        ``progress`` is called once with the size of the file.

        Raises BadInputError if the file cannot be read, or if it changed while it was read.
        """
        try:
            before = sign_file(path)
            known = self.entries.get(str(path.resolve()))
            if known is not None and known[0] == before:
                if progress is not None:
                    progress(before[1])  # before[1] is the size of the file
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
        """Write the hashes to the cache's file if the cache has a file and holds new hashes."""
        if self.path is None or not self.is_changed:
            return
        write_whole(self.path, json.dumps(self.entries))
        self.is_changed = False


def sign_file(path: Path) -> Signature:
    """Return [inode, size, modification time, change time] of a file, which show whether the file changed."""
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
    """Return the entries of the cache's file. A damaged file counts as empty, because hashes can be computed again."""
    if path is None or not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
        return {str(name): ([int(n) for n in signature], str(sha256)) for name, (signature, sha256) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
