"""This module opens the source from which a suite takes the checkpoints of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.sources.declared_tokenizer import find_declared_tokenizer
from trailhouse.models.checkpoints.sources.hub import HubSource
from trailhouse.models.checkpoints.sources.hub_repository import HubRepository
from trailhouse.models.checkpoints.sources.local import LocalSource, LocatedCheckpoint, locate_checkpoints
from trailhouse.models.checkpoints.sources.manifest import read_manifest
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite


def open_source(
    suite: Suite,
    model: ModelDeclaration,
    *,
    trained_directory: Path,
    cache_directory: Path,
    hub_endpoint: str | None = None,
    hash_cache: HashCache | None = None,
) -> CheckpointSource:
    """Return the source of a model's checkpoints, without contacting the hub yet.

    ``trained_directory`` holds models of miniature suites. ``cache_directory`` holds small files from the hub.

    Raises BadInputError if a directory or manifest is missing or wrong.
    """
    tokenizer = find_declared_tokenizer(model, cache_directory, hub_endpoint)
    source: HubSource | LocalSource
    if suite.source == "hub":
        source = HubSource(suite, model, HubRepository(model.location, hub_endpoint), cache_directory)
    elif suite.source == "manifest":
        source = _open_manifest(suite, model, cache_directory, hub_endpoint, hash_cache)
    else:
        location = trained_directory / model.location  # an absolute location stays unchanged
        source = locate_checkpoints(suite, model, location, hash_cache)
    return replace(source, tokenizer=tokenizer)


def _open_manifest(
    suite: Suite, model: ModelDeclaration, cache_directory: Path, hub_endpoint: str | None, hash_cache: HashCache | None
) -> HubSource | LocalSource:
    entries = read_manifest(Path(model.location), model.batch_tokens, has_revisions=bool(model.repository))
    if model.repository:
        revisions = tuple((entry.location, entry.position) for entry in entries)
        return HubSource(suite, model, HubRepository(model.repository, hub_endpoint), cache_directory, revisions)
    missing = [entry.location for entry in entries if not Path(entry.location).is_dir()]
    if missing:
        raise BadInputError(f"{missing[0]}: there is no such directory", f"correct it in {model.location}")
    located = [LocatedCheckpoint(entry.position, Path(entry.location)) for entry in entries]
    return LocalSource(suite, model, located, hash_cache or HashCache())
