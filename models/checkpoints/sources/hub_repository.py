"""This module reads one repository of the Hugging Face hub: it lists branches and files, and downloads single files.

All requests use huggingface_hub's own client, so that proxies, tokens and mirrors (HF_TOKEN, HF_ENDPOINT) work as
usual. Files are read from a commit and never from a branch, because a branch may change. Only files that are
requested by name are downloaded.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from trailhouse.errors import BadInputError, TrailhouseError, UnreachableError
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars

# huggingface_hub changed its HTTP library between versions. The base classes of HfHubHTTPError include the errors of
# the library that the installed version uses.
REQUEST_ERRORS: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, EntryNotFoundError)
RETRY_DELAYS_SECONDS = (0.5, 2.0)
Result = TypeVar("Result")


@dataclass(frozen=True)
class HubFile:
    """The metadata that the hub has about one file in a revision."""

    name: str
    size_bytes: int
    blob_id: str
    """Git's hash of the file's content."""
    sha256: str
    """SHA-256 of the content of a large file (LFS); empty for a small file."""


@dataclass(frozen=True)
class HubRepository:
    """A repository of the hub. Without an ``endpoint``, huggingface_hub uses HF_ENDPOINT or huggingface.co."""

    name: str
    endpoint: str | None = None

    def list_branches(self) -> dict[str, str]:
        """Return the commit of every branch, by branch name."""
        refs = self._request(lambda api: api.list_repo_refs(self.name))
        return {branch.name: branch.target_commit for branch in refs.branches}

    def list_files(self, commit_hash: str) -> list[HubFile]:
        """Return the files in a commit's top directory."""
        entries = self._request(lambda api: list(api.list_repo_tree(self.name, revision=commit_hash)))
        return [
            HubFile(entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs is not None else "")
            for entry in entries
            if isinstance(entry, RepoFile) and "/" not in entry.path
        ]

    def download(self, file: HubFile, commit_hash: str, directory: Path) -> Path:
        """Download one file to a directory and verify its content. An interrupted download is continued.

        Raises BadInputError if the content differs from the metadata even after a second download. Also raises the
        errors of ``_request``.
        """
        for attempt in range(2):
            path = self._request(lambda _: self._download_once(file, commit_hash, directory, force=attempt > 0))  # noqa: B023
            if path.stat().st_size == file.size_bytes and _has_expected_hash(path, file):
                return path
            path.unlink()
        raise BadInputError(
            f"{self.name} at {commit_hash[:12]}: {file.name} came with another content than the hub's metadata states",
            "try again later; a proxy or mirror on the way may be damaged",
        )

    def _download_once(self, file: HubFile, commit_hash: str, directory: Path, *, force: bool) -> Path:
        with hide_progress_bars():
            path = hf_hub_download(
                self.name,
                file.name,
                revision=commit_hash,
                local_dir=directory,
                endpoint=self.endpoint,
                force_download=force,
            )
        return Path(path)

    def _request(self, call: Callable[[HfApi], Result]) -> Result:
        """Return the result of ``call``, which makes a request. If the hub is unreachable, try up to three times.

        Raises BadInputError if the hub refuses the request, and UnreachableError if it does not answer.
        """
        for delay_seconds in (*RETRY_DELAYS_SECONDS, None):
            try:
                return call(HfApi(endpoint=self.endpoint))
            except REQUEST_ERRORS as error:
                explained = _explain(self.name, error)
                if delay_seconds is None or not isinstance(explained, UnreachableError):
                    raise explained from error
                time.sleep(delay_seconds)
        raise AssertionError("unreachable")


def _has_expected_hash(path: Path, file: HubFile) -> bool:
    if file.sha256:
        return HashCache().hash_file(path) == file.sha256
    content = path.read_bytes()  # git's hash of a small file is the SHA-1 of a header and the content
    git_hash = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
    return git_hash == file.blob_id


def _explain(name: str, error: Exception) -> TrailhouseError:
    """Return the error that Trailhouse shows for an error of huggingface_hub's client."""
    if isinstance(error, GatedRepoError):
        return BadInputError(
            f"the hub repository {name} is gated",
            "ask for access on its page, then set HF_TOKEN or run `hf auth login`",
        )
    if isinstance(error, RepositoryNotFoundError):
        return BadInputError(
            f"the hub has no repository {name} that you may read", "check the name; for a private one, set HF_TOKEN"
        )
    if isinstance(error, RevisionNotFoundError):
        return BadInputError(f"{name}: a commit that was listed is gone", "run the same command again")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else 0
    if isinstance(error, EntryNotFoundError) and status == 404:
        return BadInputError(f"{name}: a file that was listed is gone", "run the same command again")
    if status in (401, 403):
        return BadInputError(f"the hub refused to serve {name} ({status})", "check HF_TOKEN")
    problem = f"answered {status}" if status else (str(error).splitlines() or [type(error).__name__])[0]
    return UnreachableError(
        f"the hub did not serve {name}: {problem}", "check the network and HF_ENDPOINT, and run the same command again"
    )
