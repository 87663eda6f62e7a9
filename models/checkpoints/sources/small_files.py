"""This module downloads the small files of a revision on the hub: config.json and the files of the tokenizer.

Revisions with equal small files share one directory of the cache.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from trailhouse.models.checkpoints.checkpoint import MAXIMUM_CONFIGURATION_BYTES
from trailhouse.models.checkpoints.sources.hub_repository import HubFile, HubRepository
from trailhouse.models.checkpoints.whole_directories import creating_directory
from trailhouse.models.texts.tokenizer import TOKENIZER_FILE_PATTERNS
from trailhouse.models.texts.untrusted_tokenizers import MAXIMUM_TOKENIZER_FILE_BYTES


def is_small_file(name: str) -> bool:
    """Return whether a file is config.json or belongs to a tokenizer."""
    return name == "config.json" or any(fnmatch(name, pattern) for pattern in TOKENIZER_FILE_PATTERNS)


def find_oversized_file(files: Iterable[HubFile]) -> str | None:
    """Return a message about the first file that is larger than any such file should be, or None."""
    for file in files:
        limit = MAXIMUM_CONFIGURATION_BYTES if file.name == "config.json" else MAXIMUM_TOKENIZER_FILE_BYTES
        if file.size_bytes > limit:
            return f"{file.name} is larger than {limit >> 20} MiB"
    return None


def fetch_small_files(
    repository: HubRepository, commit_hash: str, files: Sequence[HubFile], cache_directory: Path
) -> Path:
    """Download files of a commit to a directory of the cache, and return the directory.

    The directory's name is a hash of the files' names and contents, so nothing is downloaded twice.
    """
    identity = hashlib.sha256("".join(f"{f.name} {f.blob_id} {f.sha256}\n" for f in files).encode())
    target = cache_directory / "descriptions" / identity.hexdigest()[:32]
    if target.is_dir():
        return target
    with creating_directory(target) as directory:
        for file in files:
            repository.download(file, commit_hash, directory)
        remove_download_records(directory)
    return target


def remove_download_records(directory: Path) -> None:
    """Remove the files that huggingface_hub keeps to continue an interrupted download."""
    shutil.rmtree(directory / ".cache", ignore_errors=True)
