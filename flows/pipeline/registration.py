"""This module finds the checkpoints of a suite, and writes suites, models and checkpoints to the catalogue.

The catalogue consists of the tables of the warehouse that describe suites, models, checkpoints, corpora and documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.flows.pipeline.outcome import CheckpointOutcome, fail_at_once
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.audit.comparison import find_doubled, key_of
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.model_config import check_model_config, read_model_record
from trailhouse.models.checkpoints.sources.opening import open_source
from trailhouse.models.checkpoints.sources.source import CheckpointSource, FailedCheckpoint, Listing
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.checkpoints.trainer_run import find_origin
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.loading.catalogue import read_records, upsert, write_audit_statuses
from trailhouse.warehouse.schema.initialisation import require_schema

SOUND = "ok"
"""The audit status of a checkpoint that is not damaged. For a damaged checkpoint, it describes the damage."""


@dataclass(frozen=True)
class DamagedCheckpoint:
    """A checkpoint that can be read but must not be used, and a description of its damage."""

    checkpoint: Checkpoint
    damage: str


@dataclass(frozen=True)
class FoundCheckpoints:
    """The usable and unusable checkpoints of a suite, and the source of each model's checkpoints."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    damaged: list[DamagedCheckpoint] = field(default_factory=list)
    """Checkpoints that the suite's declaration names under known damage, or that have the weights of a later step."""
    failed: list[CheckpointOutcome] = field(default_factory=list)
    """Outcomes of the checkpoints that cannot be used. Checkpoints with known damage are not among them."""
    sources: dict[str, CheckpointSource] = field(default_factory=dict)
    """The source of a model's checkpoints, by model_id."""
    listings: dict[str, Listing] = field(default_factory=dict)
    """All checkpoints that were found, by model_id, including those with known damage."""


def find_checkpoints(suite: Suite, settings: Settings) -> FoundCheckpoints:
    """Find, check and hash the checkpoints of every model of a suite. For models on the hub, only metadata is read.

    A checkpoint is left out without an error if the suite's declaration names it under known damage, or if its name
    says that it is still being written. A checkpoint with the weights of a later step of its model is refused.

    Raises BadInputError if a model has no checkpoint at all, and UnreachableError if the hub does not answer.
    """
    found = FoundCheckpoints()
    hash_cache = HashCache(settings.data_directory / "cache" / "hashes.json")
    for index, model in enumerate(suite.models):
        report_progress("Finding checkpoints", index, len(suite.models), model.model_name)
        source = open_source(
            suite,
            model,
            trained_directory=settings.trained_directory,
            cache_directory=settings.data_directory / "cache",
            hub_endpoint=settings.hub_endpoint,
            hash_cache=hash_cache,
        )
        listing = separate_undescribable(source.list_checkpoints())
        model_id = f"{suite.suite_id}/{model.model_name}"
        found.sources[model_id], found.listings[model_id] = source, listing
        sort_checkpoints(found, model, listing.checkpoints)
        found.failed.extend(
            fail_at_once(model_id, failure.position.step, failure.error)
            for failure in listing.failures
            if model.find_known_damage(failure.position.step) is None
        )
    report_progress("Finding checkpoints", len(suite.models), len(suite.models))
    return found


def sort_checkpoints(found: FoundCheckpoints, model: ModelDeclaration, checkpoints: Sequence[Checkpoint]) -> None:
    """Add the usable and the damaged checkpoints of a model to ``found``.

    A checkpoint with the weights of a later step is refused: it is damaged, and its outcome is a failure. Checkpoints
    with known damage are not compared with others, so they do not make an earlier checkpoint damaged.
    """
    sound: list[Checkpoint] = []
    for checkpoint in checkpoints:
        damage = model.find_known_damage(checkpoint.step)
        if damage is None:
            sound.append(checkpoint)
        else:
            found.damaged.append(DamagedCheckpoint(checkpoint, damage))
    doubled = find_doubled(sound)
    for checkpoint in sound:
        later_step = doubled.get(key_of(checkpoint))
        if later_step is None:
            found.checkpoints.append(checkpoint)
            continue
        error = BadInputError(
            f"{checkpoint.location}: has the same weights as step {later_step}, which is later; name the wrong step"
            " under known_damage in the suite's declaration",
            "find out which step the weights belong to; until a step is named, the latest step counts as right",
        )
        found.damaged.append(DamagedCheckpoint(checkpoint, f"the same weights as step {later_step}"))
        found.failed.append(fail_at_once(checkpoint.model_id, checkpoint.step, error))


def list_audit_statuses(suite: Suite, found: FoundCheckpoints) -> dict[tuple[str, int], str]:
    """Return the audit status of every checkpoint that was found or that the suite declares as damaged.

    The keys are pairs (model_id, step).
    """
    declared = {
        (f"{suite.suite_id}/{model.model_name}", step): known.problem
        for model in suite.models
        for known in reversed(model.known_damage)
        for step in known.steps
    }
    statuses = dict.fromkeys(map(key_of, found.checkpoints), SOUND)
    return {**statuses, **{key_of(one.checkpoint): one.damage for one in found.damaged}, **declared}


def separate_undescribable(listing: Listing) -> Listing:
    """Return a listing in which a checkpoint counts as failed if its configuration describes no language model."""
    problems: dict[str, BadInputError | None] = {}
    described = Listing(failures=list(listing.failures), unfinished=listing.unfinished)
    for checkpoint in listing.checkpoints:
        key = checkpoint.config_sha256
        if key not in problems:
            problems[key] = find_description_problem(checkpoint)
        problem = problems[key]
        if problem is None:
            described.checkpoints.append(checkpoint)
        else:
            position = TrainingPosition(checkpoint.step, checkpoint.tokens_seen)
            location = checkpoint.revision or str(checkpoint.directory)
            error = BadInputError(f"{location}: {problem.message}", problem.hint)
            described.failures.append(FailedCheckpoint(position, location, error))
    return described


def find_description_problem(checkpoint: Checkpoint) -> BadInputError | None:
    """Check that a checkpoint's config.json describes a causal language model.

    Returns the BadInputError if config.json describes no such model, and None otherwise.
    """
    try:
        check_model_config(checkpoint)
    except BadInputError as error:
        return error
    return None


def register_suite(client: Client, suite: Suite, found: FoundCheckpoints) -> dict[str, int]:
    """Write a suite, its models and its checkpoints to raw_suite, raw_model and raw_checkpoint.

    The audit status of a damaged checkpoint describes its damage. It is also written for damaged checkpoints that an
    earlier run registered and that are not found any more. A model whose checkpoints are all damaged is not written.
    Returns the vocabulary size of each model, by model_id.

    Raises UsageError if the warehouse lacks a migration. Raises BadInputError if a model's config.json describes no
    causal language model, or if the suite was read from a directory and the warehouse holds another suite of this name.
    In these cases, nothing is written.
    """
    require_schema(client)
    refuse_other_origin(client, suite)
    last_of = {checkpoint.model_id: checkpoint for checkpoint in found.checkpoints}
    models = [
        read_model_record(model, last_of[model_id])
        for model in suite.models
        if (model_id := f"{suite.suite_id}/{model.model_name}") in last_of
    ]
    suite_record = {
        "suite_id": suite.suite_id,
        "description": suite.description,
        "source": suite.source,
        "declaration": suite.declaration,
    }
    upsert(client, "raw_suite", ["suite_id"], [suite_record])
    upsert(client, "raw_model", ["model_id"], [asdict(model) for model in models])
    statuses = list_audit_statuses(suite, found)
    damaged = [one.checkpoint for one in found.damaged if one.checkpoint.model_id in last_of]
    records = [checkpoint_record(one, statuses[key_of(one)]) for one in (*found.checkpoints, *damaged)]
    upsert(client, "raw_checkpoint", ["model_id", "step"], records)
    write_audit_statuses(client, statuses)
    return {model.model_id: model.vocabulary_size for model in models}


def refuse_other_origin(client: Client, suite: Suite) -> None:
    """Raise BadInputError if a suite was read from a directory and the stored suite of this name has another origin."""
    origin = find_origin(suite.declaration)
    if origin is None:
        return
    stored = read_records(client, "raw_suite", ["suite_id", "declaration"], ["suite_id"]).get((suite.suite_id,))
    if stored is not None and find_origin(str(stored[1])) != origin:
        raise BadInputError(
            f"{suite.models[0].location}: the warehouse holds another suite called {suite.suite_id!r}",
            "rename the directory, or declare the run in a suite of another name",
        )


def checkpoint_record(checkpoint: Checkpoint, audit_status: str) -> dict[str, object]:
    """Return the row of raw_checkpoint for a checkpoint."""
    return {
        "model_id": checkpoint.model_id,
        "step": checkpoint.step,
        "tokens_seen": checkpoint.tokens_seen,
        "source": checkpoint.source,
        "revision": checkpoint.revision,
        "commit_hash": checkpoint.commit_hash,
        "weights_sha256": checkpoint.weights_sha256,
        "config_sha256": checkpoint.config_sha256,
        "tokenizer_id": checkpoint.tokenizer_id,
        "size_bytes": checkpoint.size_bytes,
        "audit_status": audit_status,
        "discovered_at": datetime.now(UTC),
    }
