"""This module lists and fetches checkpoints that are branches of a repository of the Hugging Face hub.

Listing the checkpoints reads metadata, including the SHA-256 of every weight file. It downloads only small files, such
as config.json and the tokenizer's files, once for each distinct content. Fetching a checkpoint downloads its weights
from safetensors, or from pickles if the suite allows them. No other files are ever downloaded.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import Checkpoint, check_config_file
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.sources.declared_tokenizer import DeclaredTokenizer
from trailhouse.models.checkpoints.sources.hub_repository import HubFile, HubRepository
from trailhouse.models.checkpoints.sources.small_files import (
    fetch_small_files,
    find_oversized_file,
    is_small_file,
    remove_download_records,
)
from trailhouse.models.checkpoints.sources.source import ByteProgress, FailedCheckpoint, Listing
from trailhouse.models.checkpoints.step_pattern import TrainingPosition, read_training_position
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.checkpoints.weight_files import WeightFile, choose_weight_names, combine_weight_hashes
from trailhouse.models.checkpoints.whole_directories import creating_directory
from trailhouse.models.texts.tokenizer import TokenizerFiles

LISTING_THREADS = 8


@dataclass(frozen=True)
class Revision:
    """A branch that holds a checkpoint, and the commit to which the branch points."""

    name: str
    commit_hash: str
    position: TrainingPosition


@dataclass(frozen=True)
class RevisionFiles:
    """The files of a revision that belong to the checkpoint."""

    weights: tuple[HubFile, ...]
    small: tuple[HubFile, ...]
    """config.json, the tokenizer's files, and the index of the shards."""


@dataclass(frozen=True)
class HubSource:
    """The checkpoints of one model, which are branches of one repository of the hub."""

    suite: Suite
    model: ModelDeclaration
    repository: HubRepository
    cache_directory: Path
    """Directory in which small files are stored, in one subdirectory for each distinct content."""
    revisions: tuple[tuple[str, TrainingPosition], ...] | None = None
    """Revisions that a manifest lists, or None for all branches that match the model's step pattern."""
    tokenizer: DeclaredTokenizer | None = None
    """The tokenizer that the suite declares for the model."""

    def list_checkpoints(self, progress: ByteProgress | None = None) -> Listing:  # noqa: ARG002 - nothing is hashed
        """Return the checkpoints of the repository's branches, described by the metadata of their files."""
        listing = Listing()
        tokenizer_directory = None if self.tokenizer is None else self.tokenizer.fetch()
        revisions = self._list_revisions(listing)
        with ThreadPoolExecutor(LISTING_THREADS) as pool:
            found = list(pool.map(self._list_files, revisions))
        for revision, files in zip(revisions, found, strict=True):
            try:
                if isinstance(files, BadInputError):
                    raise files
                listing.checkpoints.append(self._build_checkpoint(revision, files, tokenizer_directory))
            except BadInputError as error:
                listing.failures.append(FailedCheckpoint(revision.position, revision.name, error))
        return listing

    def fetch(self, checkpoint: Checkpoint, target: Path, progress: ByteProgress | None = None) -> Path:
        """Download a checkpoint's weights to ``target`` and verify them, and copy its small files to ``target``."""
        if target.is_dir():
            return target
        with creating_directory(target) as directory:
            for file in checkpoint.weight_files:
                wanted = HubFile(file.name, file.size_bytes, "", file.sha256)
                self.repository.download(wanted, checkpoint.commit_hash, directory)
                if progress is not None:
                    progress(file.size_bytes)
            for path in checkpoint.directory.iterdir():
                if path.is_file():
                    shutil.copyfile(path, directory / path.name)
            remove_download_records(directory)
        return target

    def _list_revisions(self, listing: Listing) -> list[Revision]:
        """Return the revisions in order of their steps.

        For each revision that a manifest lists but the repository lacks, add a failure to ``listing``.
        """
        branches = self.repository.list_branches()
        wanted = self._match_branches(branches) if self.revisions is None else self.revisions
        found = []
        for name, position in wanted:
            if name in branches:
                found.append(Revision(name, branches[name], position))
            else:
                error = BadInputError(f"{self.repository.name}: has no branch {name}", "correct the manifest")
                listing.failures.append(FailedCheckpoint(position, name, error))
        if not found:
            raise BadInputError(
                f"{self.repository.name}: has no branches that match {self.model.step_pattern!r}",
                "check location and step_pattern in the suite's YAML file",
            )
        return sorted(found, key=lambda revision: revision.position.step)

    def _match_branches(self, branches: Iterable[str]) -> list[tuple[str, TrainingPosition]]:
        """Return the branches that match the step pattern, each with its training position.

        The branch ``final_revision`` has the last planned step. It is left out if another branch has this step.
        """
        model, matched = self.model, dict[int, tuple[str, TrainingPosition]]()
        for name in sorted(branches):
            position = read_training_position(model.step_pattern, name, model.batch_tokens)
            if name == model.final_revision:
                position = TrainingPosition(model.planned_steps, model.planned_steps * model.batch_tokens)
            if position is None:
                continue
            if position.step in matched and model.final_revision not in (name, matched[position.step][0]):
                raise BadInputError(
                    f"{self.repository.name}: the branches {name} and {matched[position.step][0]} are both step"
                    f" {position.step}",
                    "make step_pattern match one of the two",
                )
            if position.step not in matched or matched[position.step][0] == model.final_revision:
                matched[position.step] = (name, position)
        return list(matched.values())

    def _list_files(self, revision: Revision) -> RevisionFiles | BadInputError:
        """Return the files of a revision, or an error that says what is wrong with the files.

        Raises BadInputError if the hub refuses the request, and UnreachableError if the hub does not answer.
        """
        files = {file.name: file for file in self.repository.list_files(revision.commit_hash)}
        location = f"{self.repository.name} at {revision.name}"
        try:
            names = choose_weight_names(files, allow_pickle=self.model.allow_pickle)
        except ValueError as error:
            hint = "wait for the owner to upload it, or name this step under known_damage"
            if "pickle" in str(error):
                hint = "write `allow_pickle: true` in the suite, to read them as plain tensors"
            return BadInputError(f"{location}: {error}", hint)
        weights = tuple(files[name] for name in names)
        without_hash = [file.name for file in weights if not file.sha256]
        if without_hash:
            return BadInputError(f"{location}: the hub has no SHA-256 of {without_hash[0]}", "upload it through LFS")
        small = tuple(file for name, file in sorted(files.items()) if _belongs_to_description(name, names))
        problem = find_oversized_file(small)
        if problem is not None:
            return BadInputError(f"{location}: {problem}", "upload the right file")
        return RevisionFiles(weights, small)

    def _build_checkpoint(
        self, revision: Revision, files: RevisionFiles, tokenizer_directory: Path | None
    ) -> Checkpoint:
        directory = fetch_small_files(self.repository, revision.commit_hash, files.small, self.cache_directory)
        check_config_file(directory / "config.json")
        tokenizer = TokenizerFiles(tokenizer_directory or directory, self.model.tokenizer_rules)
        weights = tuple(WeightFile(file.name, file.size_bytes, file.sha256) for file in files.weights)
        return Checkpoint(
            suite_id=self.suite.suite_id,
            model_id=f"{self.suite.suite_id}/{self.model.model_name}",
            step=revision.position.step,
            tokens_seen=revision.position.tokens_seen,
            directory=directory,
            weights_sha256=combine_weight_hashes(weights),
            config_sha256=HashCache().hash_file(directory / "config.json"),
            tokenizer_id=tokenizer.identify(),
            size_bytes=sum(file.size_bytes for file in weights),
            source=self.repository.name,
            revision=revision.name,
            commit_hash=revision.commit_hash,
            weight_files=weights,
            is_pickled=all(file.name.endswith(".bin") for file in weights),
            tokenizer_files=tokenizer,
        )


def _belongs_to_description(name: str, weight_names: list[str]) -> bool:
    is_index = name in (f"{stem}.index.json" for stem in ("model.safetensors", "pytorch_model.bin"))
    return is_small_file(name) or (is_index and len(weight_names) > 1)
