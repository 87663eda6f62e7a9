"""This module finds the tokenizer that a suite declares for a model: a directory, or a revision of a hub repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources.hub_repository import HubRepository
from trailhouse.models.checkpoints.sources.small_files import fetch_small_files, find_oversized_file, is_small_file
from trailhouse.models.checkpoints.suite import ModelDeclaration
from trailhouse.models.checkpoints.suite_declaration import names_hub_revision
from trailhouse.models.texts.tokenizer import has_tokenizer

COMMIT_HASH = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class DeclaredTokenizer:
    """The field ``tokenizer`` of a model in a suite."""

    location: str
    """A directory, or OWNER/NAME@REVISION."""
    cache_directory: Path
    hub_endpoint: str | None = None

    def fetch(self) -> Path:
        """Return a local directory with the tokenizer. Files on the hub are downloaded unless the cache holds them.

        Raises BadInputError if there is no tokenizer at the declared place, and UnreachableError if the hub does not
        answer.
        """
        directory = self._fetch_revision() if names_hub_revision(self.location) else Path(self.location)
        if not directory.is_dir() or not has_tokenizer(directory):
            raise BadInputError(
                f"{self.location}: holds no tokenizer", "correct the field tokenizer in the suite's YAML file"
            )
        return directory

    def _fetch_revision(self) -> Path:
        name, _, revision = self.location.rpartition("@")
        repository = HubRepository(name, self.hub_endpoint)
        commit_hash = revision if COMMIT_HASH.fullmatch(revision) else repository.list_branches().get(revision)
        if commit_hash is None:
            raise BadInputError(
                f"{self.location}: the repository has no branch {revision}",
                "name a branch, or a commit by its 40 digits",
            )
        found = sorted(repository.list_files(commit_hash), key=lambda file: file.name)
        files = [file for file in found if is_small_file(file.name)]
        problem = find_oversized_file(files)
        if problem is not None:
            raise BadInputError(f"{self.location}: {problem}", "upload the right file")
        return fetch_small_files(repository, commit_hash, files, self.cache_directory)


def find_declared_tokenizer(
    model: ModelDeclaration, cache_directory: Path, hub_endpoint: str | None
) -> DeclaredTokenizer | None:
    """Return the tokenizer that the suite declares for a model, or None if it declares none."""
    return DeclaredTokenizer(model.tokenizer, cache_directory, hub_endpoint) if model.tokenizer else None
