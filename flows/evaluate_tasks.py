"""The flow that evaluates every checkpoint of a suite on every task. Evaluations in the ledger are not repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

from prefect import flow

from trailhouse.errors import UsageError
from trailhouse.flows.pipeline.contexts import Contexts, choose_contexts
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.evaluation import TaskEvaluation
from trailhouse.flows.pipeline.outcome import CheckpointOutcome
from trailhouse.flows.pipeline.pipeline import make_pipeline
from trailhouse.flows.pipeline.registration import find_checkpoints, register_suite
from trailhouse.flows.pipeline.run_pipeline import PIPELINE_THREADS, run_pipeline
from trailhouse.flows.pipeline.run_report import report_run
from trailhouse.flows.pipeline.training import train_missing
from trailhouse.flows.pipeline.work import plan_work
from trailhouse.flows.prefect.crashed_runs import guard_shared_server
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.few_shot.evaluator import evaluation_record
from trailhouse.models.few_shot.tasks.discovery import FoundTasks, find_tasks
from trailhouse.models.few_shot.tasks.task import Task, task_item_table, task_record
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.evaluation_ledger import Evaluation, load_task, read_evaluation_keys
from trailhouse.warehouse.loading.partition_load import drop_abandoned_staging_tables


@dataclass(frozen=True)
class EvaluationReport:
    """What one run of the flow did. An evaluation is one checkpoint on one task with one shot count and one seed."""

    suite_id: str
    task_count: int
    checkpoint_count: int
    evaluation_count: int
    already_evaluated_count: int
    elsewhere_count: int
    """Number of evaluations that another worker did since this run began."""
    evaluated_count: int
    item_count: int
    option_count: int
    duration_seconds: float
    items_per_second: float
    skipped_files: list[str]


@flow(name="evaluate_tasks", task_runner=PIPELINE_THREADS, validate_parameters=False, persist_result=False)
def evaluate_tasks(
    suite: str,
    places: Sequence[str],
    shot_counts: Sequence[int] = (2,),
    seeds: Sequence[int] = (0,),
    settings: Settings | None = None,
    *,
    repeat_task_prefix: bool = False,
) -> EvaluationReport:
    """Evaluate every checkpoint of a suite on the tasks found at ``places``. Evaluations in the ledger are skipped.

    ``places`` are directories, files, or names that ``find_tasks`` knows. If a checkpoint is damaged, or a task does
    not fit a model, the other evaluations still run. Raises PartialError if only some evaluations failed. If all
    evaluations failed with the same error, raises this error. If all failed with different errors, raises
    AllFailedError, which names every error.
    """
    settings = settings or load_settings()
    started_at = datetime.now(UTC)
    guard_shared_server()
    found_tasks = find_tasks(places, repeat_task_prefix=repeat_task_prefix)
    refuse_impossible_shots(found_tasks.tasks, shot_counts)
    declared = find_declared_suite(suite, settings)
    train_missing(declared, settings)
    found = find_checkpoints(declared, settings)
    scoring = ScoringSettings(dtype=settings.dtype, device=settings.device, context_length=settings.context_length)
    contexts = choose_contexts(declared, found.checkpoints, scoring)
    planned = [
        (checkpoint, list(plan_evaluations(checkpoint, found_tasks.tasks, shot_counts, seeds, contexts)))
        for checkpoint in found.checkpoints
    ]
    address = resolve_address(settings)
    with connect(address) as client:
        drop_abandoned_staging_tables(client)
        for one in found_tasks.tasks:
            load_task(client, task_record(one), task_item_table(one))
        register_suite(client, declared, found)
        ledger = read_evaluation_keys(client, declared.suite_id)
    pending = [
        (checkpoint, missing)
        for checkpoint, evaluations in planned
        if (missing := [one for one in evaluations if ledger.get(one.ledger_key) != one.evaluation_key])
    ]
    kind = TaskEvaluation(
        declared.suite_id,
        {one.task_id: one for one in found_tasks.tasks},
        scoring,
        contexts,
        settings.verified_option_count,
    )
    pipeline = make_pipeline(kind, address, found.sources, settings, started_at)
    outcomes = run_pipeline([plan_work(checkpoint, missing) for checkpoint, missing in pending], pipeline)
    planned_count = sum(len(evaluations) for _, evaluations in planned)
    already_evaluated_count = planned_count - sum(len(missing) for _, missing in pending)
    report_run(pipeline, [*found.failed, *outcomes], already_evaluated_count)
    return summarise(declared.suite_id, found_tasks, len(planned), already_evaluated_count, outcomes, started_at)


def refuse_impossible_shots(tasks: Sequence[Task], shot_counts: Sequence[int]) -> None:
    """Raise UsageError if a task has too few items to draw the requested number of exemplars from."""
    for one in tasks:
        for shot_count in shot_counts:
            if not 0 <= shot_count <= one.maximum_shots:
                raise UsageError(
                    f"--shots {shot_count}: task {one.task_id!r} has {count_of(len(one.items), 'item')}; the other"
                    f" questions that one of them can have as exemplars: {one.maximum_shots}",
                    f"ask for 0 to {count_of(one.maximum_shots, 'shot')}, or leave the task out",
                )


def plan_evaluations(
    checkpoint: Checkpoint,
    tasks: Sequence[Task],
    shot_counts: Sequence[int],
    seeds: Sequence[int],
    contexts: Contexts,
) -> Iterator[Evaluation]:
    """Yield the evaluations of a checkpoint, one per task, shot count and seed. The model is not loaded.

    Each evaluation holds everything that its scores depend on.
    """
    context = contexts[checkpoint.model_id, checkpoint.step]
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
            settings={
                **evaluation_record(context.evaluation_key_settings),
                **context.rotary_record,
                **one.exemplar_record(shot_count),
                "config_sha256": checkpoint.config_sha256,
            },
            text_beginning=context.beginning.as_record(),
        )


def summarise(
    suite_id: str,
    found_tasks: FoundTasks,
    checkpoint_count: int,
    already_evaluated_count: int,
    outcomes: Sequence[CheckpointOutcome],
    started_at: datetime,
) -> EvaluationReport:
    """Return the report of a run in which no evaluation failed."""
    inserted = [unit for outcome in outcomes for unit in outcome.inserted]
    item_count = sum(unit.item_count for unit in inserted)
    run_seconds = sum(outcome.run_seconds for outcome in outcomes)
    return EvaluationReport(
        suite_id=suite_id,
        task_count=len(found_tasks.tasks),
        checkpoint_count=checkpoint_count,
        evaluation_count=already_evaluated_count + sum(outcome.planned_count for outcome in outcomes),
        already_evaluated_count=already_evaluated_count,
        elsewhere_count=sum(outcome.elsewhere_count for outcome in outcomes),
        evaluated_count=len(inserted),
        item_count=item_count,
        option_count=sum(unit.row_count for unit in inserted),
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        items_per_second=item_count / run_seconds if run_seconds else 0.0,
        skipped_files=[str(path) for path in found_tasks.skipped],
    )
