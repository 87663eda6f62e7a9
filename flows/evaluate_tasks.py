"""The flow that evaluates what the ledger lacks: every checkpoint of a suite on multiple-choice tasks."""

from __future__ import annotations

import getpass
import json
import platform
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product

import pyarrow.compute as pc
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from trailhouse import __version__
from trailhouse.errors import BadInputError, PartialError, TrailhouseError, UsageError
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.registration import find_checkpoints, register_suite
from trailhouse.flows.pipeline.training import train_missing
from trailhouse.flows.pipeline.work import is_worth_retrying, name_distinct
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.few_shot.cpu_threads import limit_threads
from trailhouse.models.few_shot.encoded_tasks import TaskEncoder
from trailhouse.models.few_shot.evaluator import BATCH_POLICY, Evaluator, evaluation_record
from trailhouse.models.few_shot.tasks.discovery import FoundTasks, find_tasks
from trailhouse.models.few_shot.tasks.task import Task, task_item_table, task_record
from trailhouse.models.scoring.score_corpus import (
    PreTrainedModel,
    ScoringSettings,
    attention_implementation,
    device_name,
    library_versions,
    load_model,
)
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.catalogue import upsert
from trailhouse.warehouse.loading.evaluation_ledger import (
    Evaluation,
    EvaluationScores,
    load_evaluations,
    load_task,
    read_evaluation_keys,
)
from trailhouse.warehouse.loading.partition_load import drop_abandoned_staging_tables

# A killed run loses at most about this much work of a checkpoint that takes long.
KEEP_AFTER_SECONDS = 60


@dataclass(frozen=True)
class EvaluationReport:
    """What one run did; an evaluation is one checkpoint on one task with one number of shots and one seed."""

    suite_id: str
    task_count: int
    checkpoint_count: int
    evaluation_count: int
    already_evaluated_count: int
    evaluated_count: int
    item_count: int
    option_count: int
    duration_seconds: float
    items_per_second: float
    skipped_files: list[str]


@dataclass(frozen=True)
class EvaluationJob:
    """Everything a checkpoint is evaluated with; shared by all checkpoints of a run."""

    address: WarehouseAddress
    tasks: Mapping[str, Task]
    encoder: TaskEncoder
    settings: ScoringSettings
    sources: Mapping[str, CheckpointSource]
    """Where the checkpoints of each model come from, by model_id."""
    cache: CheckpointCache
    scoring_run_id: uuid.UUID


@dataclass
class EvaluatedCheckpoint:
    """What became of the evaluations of one checkpoint."""

    device: str
    attention_implementation: str
    evaluated: list[Evaluation] = field(default_factory=list)
    option_count: int = 0
    token_count: int = 0
    """Tokens of these options."""
    duration_seconds: float = 0.0
    errors: list[BaseException] = field(default_factory=list)


PlannedCheckpoint = tuple[Checkpoint, list[Evaluation]]
Outcome = EvaluatedCheckpoint | BaseException


@task(
    retries=2,
    retry_delay_seconds=[1, 10],
    retry_condition_fn=is_worth_retrying,
    cache_policy=NO_CACHE,
    persist_result=False,
    task_run_name="{checkpoint.model_id} step {checkpoint.step}",
)
def evaluate_checkpoint(
    checkpoint: Checkpoint, pending: Sequence[Evaluation], job: EvaluationJob
) -> EvaluatedCheckpoint:
    """Load one checkpoint and evaluate it, keeping what is done from time to time.

    A task that does not fit the model fails alone.
    """
    model = load_checkpoint(checkpoint, job)
    result = EvaluatedCheckpoint(device_name(model), attention_implementation(model))
    finished: list[EvaluationScores] = []
    kept_at = time.monotonic()
    with limit_threads(model):
        evaluator = Evaluator(model, job.settings)
        for index, evaluation in enumerate(pending):
            report_progress("Tasks", index, len(pending), f"{evaluation.task_id}, {evaluation.shot_count} shots")
            try:
                finished.append(score_task(checkpoint, evaluation, evaluator, job))
            except (BadInputError, UsageError) as error:
                result.errors.append(error)
            if time.monotonic() - kept_at > KEEP_AFTER_SECONDS:
                keep(finished, result, job)
                kept_at = time.monotonic()
        keep(finished, result, job)
    report_progress("Tasks", len(pending), len(pending))
    return result


def load_checkpoint(checkpoint: Checkpoint, job: EvaluationJob) -> PreTrainedModel:
    """Load a checkpoint, from the cache or its source where it is not here."""
    if not checkpoint.is_remote:
        return load_model(checkpoint.directory, job.settings, allow_pickle=checkpoint.is_pickled)
    with job.cache.reserve(checkpoint) as place:
        if not place.is_dir():
            job.sources[checkpoint.model_id].fetch(checkpoint, place)
        return load_model(place, job.settings, allow_pickle=checkpoint.is_pickled)


def score_task(
    checkpoint: Checkpoint, evaluation: Evaluation, evaluator: Evaluator, job: EvaluationJob
) -> EvaluationScores:
    """Score the options of one task."""
    started = time.monotonic()
    encoded = job.encoder.encode(
        checkpoint.directory,
        checkpoint.tokenizer_id,
        job.tasks[evaluation.task_id],
        evaluation.shot_count,
        evaluation.seed,
        evaluator.context_length,
    )
    return EvaluationScores(evaluation, evaluator.score(encoded), time.monotonic() - started)


def keep(finished: list[EvaluationScores], result: EvaluatedCheckpoint, job: EvaluationJob) -> None:
    """Write what is finished to the warehouse, and forget it."""
    if not finished:
        return
    with connect(job.address) as client:
        result.option_count += load_evaluations(client, finished, job.scoring_run_id)
    result.token_count += sum(pc.sum(one.scores["token_count"]).as_py() for one in finished)
    result.evaluated.extend(one.evaluation for one in finished)
    result.duration_seconds += sum(one.duration_seconds for one in finished)
    finished.clear()


@flow(name="evaluate_tasks", validate_parameters=False, persist_result=False)
def evaluate_tasks(
    suite: str,
    places: Sequence[str],
    shot_counts: Sequence[int] = (2,),
    seeds: Sequence[int] = (0,),
    settings: Settings | None = None,
    *,
    repeat_task_prefix: bool = False,
) -> EvaluationReport:
    """Evaluate every checkpoint of a suite on the tasks of all places, except what the ledger has.

    A damaged checkpoint or a task that does not fit a model does not stop the others. Raises PartialError if some
    failed, the first error itself if all did.
    """
    settings = settings or load_settings()
    started_at = datetime.now(UTC)
    found_tasks = find_tasks(places, repeat_task_prefix=repeat_task_prefix)
    refuse_impossible_shots(found_tasks.tasks, shot_counts)
    declared = find_declared_suite(suite, settings)
    train_missing(declared, settings)
    found = find_checkpoints(declared, settings)
    raise_failures(list(found.errors) if not found.checkpoints else [], 0)
    scoring = ScoringSettings(dtype=settings.dtype, device=settings.device)
    planned = [
        (checkpoint, list(plan_evaluations(checkpoint, found_tasks.tasks, shot_counts, seeds, scoring)))
        for checkpoint in found.checkpoints
    ]
    tasks = {one.task_id: one for one in found_tasks.tasks}
    job = EvaluationJob(
        address=resolve_address(settings),
        tasks=tasks,
        encoder=TaskEncoder(),
        settings=scoring,
        sources=found.sources,
        cache=CheckpointCache(settings.checkpoint_cache_directory, settings.checkpoint_cache_bytes),
        scoring_run_id=uuid.uuid4(),
    )
    with connect(job.address) as client:
        drop_abandoned_staging_tables(client)
        for one in found_tasks.tasks:
            load_task(client, task_record(one), task_item_table(one))
        register_suite(client, declared, found.checkpoints)
        ledger = read_evaluation_keys(client, declared.suite_id)
    pending = [
        (checkpoint, missing)
        for checkpoint, evaluations in planned
        if (missing := [one for one in evaluations if ledger.get(one.ledger_key) != one.evaluation_key])
    ]
    outcomes = evaluate_pending(pending, job)
    report = summarise(declared.suite_id, found_tasks, planned, pending, outcomes, started_at)
    record_run(job, outcomes, started_at)
    raise_failures([*found.errors, *list_errors(outcomes)], report.already_evaluated_count + report.evaluated_count)
    return report


def refuse_impossible_shots(tasks: Sequence[Task], shot_counts: Sequence[int]) -> None:
    """Raise UsageError where a task has too few items for the exemplars that are asked for."""
    for one in tasks:
        for shot_count in shot_counts:
            if not 0 <= shot_count < len(one.items):
                raise UsageError(
                    f"--shots {shot_count}: task {one.task_id!r} has {len(one.items)} items",
                    f"ask for 0 to {len(one.items) - 1} shots, or leave the task out",
                )


def plan_evaluations(
    checkpoint: Checkpoint,
    tasks: Sequence[Task],
    shot_counts: Sequence[int],
    seeds: Sequence[int],
    scoring: ScoringSettings,
) -> Iterator[Evaluation]:
    """Say what the scores of a checkpoint would be made from, without loading it."""
    for one, shot_count, seed in product(tasks, dict.fromkeys(shot_counts), dict.fromkeys(seeds)):
        yield Evaluation(
            model_id=checkpoint.model_id,
            step=checkpoint.step,
            task_id=one.task_id,
            shot_count=shot_count,
            seed=seed,
            weights_sha256=checkpoint.weights_sha256,
            task_sha256=one.task_sha256,
            tokenizer_id=checkpoint.tokenizer_id,
            settings={**evaluation_record(scoring), "config_sha256": checkpoint.config_sha256},
        )


def evaluate_pending(pending: Sequence[PlannedCheckpoint], job: EvaluationJob) -> list[Outcome]:
    """Evaluate the checkpoints one after the other; an outcome is what became of it or its error."""
    if not pending:
        return []
    slot = evaluate_checkpoint.with_options(tags={f"device:{job.settings.device}"})
    outcomes: list[Outcome] = []
    for index, (checkpoint, missing) in enumerate(pending):
        report_progress("Evaluating", index, len(pending), f"{checkpoint.model_id} step {checkpoint.step}")
        state = slot(checkpoint, quote(missing), quote(job), return_state=True)
        outcomes.append(state.result(raise_on_failure=False))
    report_progress("Evaluating", len(pending), len(pending))
    rows = [describe_outcome(checkpoint, outcome) for (checkpoint, _), outcome in zip(pending, outcomes, strict=True)]
    create_table_artifact(rows, key="evaluated-checkpoints", description=f"Evaluated on {len(job.tasks)} tasks")
    return outcomes


def describe_outcome(checkpoint: Checkpoint, outcome: Outcome) -> dict[str, object]:
    """One row of the table that a run leaves behind."""
    row: dict[str, object] = {"model": checkpoint.model_id, "step": checkpoint.step}
    if isinstance(outcome, BaseException):
        return {**row, "evaluations": 0, "options": 0, "message": str(outcome)}
    message = str(outcome.errors[0]) if outcome.errors else ""
    return {**row, "evaluations": len(outcome.evaluated), "options": outcome.option_count, "message": message}


def list_errors(outcomes: Sequence[Outcome]) -> list[BaseException]:
    """Return the errors of checkpoints and of single tasks."""
    return [
        error
        for outcome in outcomes
        for error in (outcome.errors if isinstance(outcome, EvaluatedCheckpoint) else [outcome])
    ]


def summarise(
    suite_id: str,
    found_tasks: FoundTasks,
    planned: Sequence[PlannedCheckpoint],
    pending: Sequence[PlannedCheckpoint],
    outcomes: Sequence[Outcome],
    started_at: datetime,
) -> EvaluationReport:
    """Add up what the run did."""
    item_counts = {one.task_id: len(one.items) for one in found_tasks.tasks}
    finished = [outcome for outcome in outcomes if isinstance(outcome, EvaluatedCheckpoint)]
    item_count = sum(item_counts[one.task_id] for result in finished for one in result.evaluated)
    scoring_seconds = sum(result.duration_seconds for result in finished)
    planned_count = sum(len(evaluations) for _, evaluations in planned)
    return EvaluationReport(
        suite_id=suite_id,
        task_count=len(item_counts),
        checkpoint_count=len(planned),
        evaluation_count=planned_count,
        already_evaluated_count=planned_count - sum(len(missing) for _, missing in pending),
        evaluated_count=sum(len(result.evaluated) for result in finished),
        item_count=item_count,
        option_count=sum(result.option_count for result in finished),
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        items_per_second=item_count / scoring_seconds if scoring_seconds else 0.0,
        skipped_files=[str(path) for path in found_tasks.skipped],
    )


def record_run(job: EvaluationJob, outcomes: Sequence[Outcome], started_at: datetime) -> None:
    """Enter the run with its provenance (definitions: every score can be traced to what made it)."""
    finished = [outcome for outcome in outcomes if isinstance(outcome, EvaluatedCheckpoint) and outcome.evaluated]
    if not finished:
        return
    token_count = sum(result.token_count for result in finished)
    record: Mapping[str, object] = {
        "scoring_run_id": job.scoring_run_id,
        "run_kind": "evaluation",
        "started_at": started_at,
        "finished_at": datetime.now(UTC),
        "user_name": getpass.getuser(),
        "host_name": platform.node(),
        "trailhouse_version": __version__,
        "device": name_distinct(one.device for one in finished),
        "dtype": job.settings.dtype,
        "attention_implementation": name_distinct(one.attention_implementation for one in finished),
        "batch_policy": BATCH_POLICY,
        "library_versions": json.dumps(library_versions(), sort_keys=True),
        "score_count": token_count,
        "checkpoint_count": len(finished),
        "tokens_per_second": token_count / sum(result.duration_seconds for result in finished),
    }
    with connect(job.address) as client:
        upsert(client, "raw_scoring_run", ["scoring_run_id"], [record])


def raise_failures(errors: Sequence[BaseException], succeeded_count: int) -> None:
    """Raise what the run must be reported with, if anything failed."""
    if not errors:
        return
    if succeeded_count == 0:
        raise errors[0]
    first = errors[0].message if isinstance(errors[0], TrailhouseError) else str(errors[0])
    raise PartialError(
        f"{len(errors)} evaluations failed, the others are done; the first: {first}",
        "mend them and run the same command again",
    )
