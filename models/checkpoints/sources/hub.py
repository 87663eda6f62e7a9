"""Checkpoints in branches of a repository of the Hugging Face hub.

Listing reads metadata only: every weight file's SHA-256 is in it. Configuration and tokenizer, which are small,
are downloaded once for each distinct content. Nothing but safetensors (or pickles that were allowed by name),
config.json and the tokenizer's files is ever downloaded.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from trailhouse.errors import BadInputError, TrailhouseError
from trailhouse.models.checkpoints.checkpoint import (
    MAXIMUM_CONFIGURATION_BYTES,
    Checkpoint,
    refuse_wrong_configuration_file,
)
from trailhouse.models.checkpoints.hash_cache import HashMemory
from trailhouse.models.checkpoints.sources.hub_repository import HubFile, HubRepository
from trailhouse.models.checkpoints.sources.source import ByteProgress, FailedCheckpoint, Listing
from trailhouse.models.checkpoints.step_pattern import TrainingPosition, read_training_position
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.checkpoints.weight_files import WeightFile, choose_weight_names, combine_weight_hashes
from trailhouse.models.texts.tokenizer import TOKENIZER_FILE_PATTERNS, identify_tokenizer_of
from trailhouse.models.texts.untrusted_tokenizers import MAXIMUM_TOKENIZER_FILE_BYTES

LISTING_THREADS = 8


@dataclass(frozen=True)
class Revision:
    """A branch that stands for a checkpoint, pinned to the commit it points at."""

    name: str
    commit_hash: str
    position: TrainingPosition


@dataclass(frozen=True)
class RevisionContent:
    """What of a revision's files matters."""

    weights: tuple[HubFile, ...]
    description: tuple[HubFile, ...]
    """config.json, the tokenizer's files, and the index of the shards."""


@dataclass(frozen=True)
class HubSource:
    """Checkpoints of one model in branches of a repository."""

    suite: Suite
    model: ModelDeclaration
    repository: HubRepository
    cache_directory: Path
    """Where small files are kept, one directory per distinct content."""
    revisions: tuple[tuple[str, TrainingPosition], ...] | None = None
    """Revisions of a manifest; None for all branches that match the model's pattern."""

    def list_checkpoints(self, progress: ByteProgress | None = None) -> Listing:
        """Read the branches and the metadata of their files."""
        listing = Listing()
        revisions = self._list_revisions(listing)
        with ThreadPoolExecutor(LISTING_THREADS) as pool:
            contents = list(pool.map(self._read_content, revisions))
        for revision, content in zip(revisions, contents, strict=True):
            try:
                if isinstance(content, TrailhouseError):
                    raise content
                listing.checkpoints.append(self._describe(revision, content))
            except BadInputError as error:
                listing.failures.append(FailedCheckpoint(revision.position, revision.name, error))
        return listing

    def fetch(self, checkpoint: Checkpoint, target: Path, progress: ByteProgress | None = None) -> Path:
        """Download the weights of the pinned commit beside configuration and tokenizer, verify, then rename."""
        if target.is_dir():
            return target
        partial = target.with_name(f"{target.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        for file in checkpoint.weight_files:
            wanted = HubFile(file.name, file.size_bytes, "", file.sha256)
            self.repository.download(wanted, checkpoint.commit_hash, partial)
            if progress is not None:
                progress(file.size_bytes)
        for path in checkpoint.directory.iterdir():
            if path.is_file():
                shutil.copyfile(path, partial / path.name)
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        partial.replace(target)
        return target

    def _list_revisions(self, listing: Listing) -> list[Revision]:
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

    def _read_content(self, revision: Revision) -> RevisionContent | TrailhouseError:
        """Return what matters of a revision, or what is wrong with it; errors of the hub itself are raised."""
        files = {file.name: file for file in self.repository.list_files(revision.commit_hash)}
        place = f"{self.repository.name} at {revision.name}"
        try:
            names = choose_weight_names(files, allow_pickle=self.model.allow_pickle)
        except ValueError as error:
            hint = "wait for the owner to upload it, or name this step under known_damage"
            if "pickle" in str(error):
                hint = "say `allow_pickle: true` in the suite, to read them as plain tensors"
            return BadInputError(f"{place}: {error}", hint)
        weights = tuple(files[name] for name in names)
        without_hash = [file.name for file in weights if not file.sha256]
        if without_hash:
            return BadInputError(f"{place}: the hub has no SHA-256 of {without_hash[0]}", "upload it through LFS")
        description = [file for name, file in sorted(files.items()) if _is_description(name, names)]
        for file in description:
            limit = MAXIMUM_CONFIGURATION_BYTES if file.name == "config.json" else MAXIMUM_TOKENIZER_FILE_BYTES
            if file.size_bytes > limit:
                return BadInputError(f"{place}: {file.name} is larger than {limit >> 20} MiB", "upload the right file")
        return RevisionContent(weights, tuple(description))

    def _describe(self, revision: Revision, content: RevisionContent) -> Checkpoint:
        directory = self._fetch_description(revision, content)
        refuse_wrong_configuration_file(directory / "config.json")
        files = tuple(WeightFile(file.name, file.size_bytes, file.sha256) for file in content.weights)
        return Checkpoint(
            suite_id=self.suite.suite_id,
            model_id=f"{self.suite.suite_id}/{self.model.model_name}",
            step=revision.position.step,
            tokens_seen=revision.position.tokens_seen,
            directory=directory,
            weights_sha256=combine_weight_hashes(files),
            config_sha256=HashMemory().hash_file(directory / "config.json"),
            tokenizer_id=identify_tokenizer_of(directory),
            size_bytes=sum(file.size_bytes for file in files),
            source=self.repository.name,
            revision=revision.name,
            commit_hash=revision.commit_hash,
            weight_files=files,
            is_pickled=files[0].name.endswith(".bin"),
        )

    def _fetch_description(self, revision: Revision, content: RevisionContent) -> Path:
        """Bring the small files into a directory named by their content, once for all revisions that share it."""
        identity = hashlib.sha256("".join(f"{f.name} {f.blob_id} {f.sha256}\n" for f in content.description).encode())
        target = self.cache_directory / "descriptions" / identity.hexdigest()[:32]
        if target.is_dir():
            return target
        partial = target.with_name(f"{target.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        for file in content.description:
            self.repository.download(file, revision.commit_hash, partial)
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        partial.replace(target)
        return target


def _is_description(name: str, weight_names: list[str]) -> bool:
    is_index = name in (f"{stem}.index.json" for stem in ("model.safetensors", "pytorch_model.bin"))
    return (
        name == "config.json"
        or (is_index and len(weight_names) > 1)
        or any(fnmatch(name, pattern) for pattern in TOKENIZER_FILE_PATTERNS)
    )
