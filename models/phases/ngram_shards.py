"""This module reads the texts of a training corpus, one shard after the other.

A shard is a file, or consecutive documents of a file whose texts together have a given number of bytes. Where a file is
cut depends only on its content and this number. At no time is more than one shard of the corpus in memory, apart from
what the reader of the file holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.texts.corpus import list_text_files, read_texts

SHARD_BYTES = 64 << 20
"""Bytes of text after which a shard ends, in corpora that are counted for the first time."""


@dataclass(frozen=True)
class TextShard:
    """Consecutive documents of one file."""

    part_index: int
    texts: tuple[str, ...]
    is_last_part: bool

    @property
    def byte_count(self) -> int:
        """Number of UTF-8 bytes of all texts."""
        return sum(len(text.encode()) for text in self.texts)


def hash_text_files(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the SHA-256 of every file, in the order of reading. A directory stands for its text files.

    Raises BadInputError if a path is no readable text file or directory of such files.
    """
    hashes = {}
    for path in list_text_files(paths):
        try:
            with path.open("rb") as file:
                hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the file's permissions") from error
    return hashes


def read_shards(path: Path, byte_limit: int) -> Iterator[TextShard]:
    """Yield the shards of a file. Raises the errors of the reader of the file."""
    texts: list[str] = []
    byte_count = part_index = 0
    for _, text in read_texts(path):
        if byte_count >= byte_limit:
            yield TextShard(part_index, tuple(texts), is_last_part=False)
            texts, byte_count, part_index = [], 0, part_index + 1
        texts.append(text)
        byte_count += len(text.encode())
    yield TextShard(part_index, tuple(texts), is_last_part=True)
