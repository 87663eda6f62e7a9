"""This module defines few-shot evaluation as a kind of work for the pipeline.

A unit of this work is one task with one number of shots and one seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from trailhouse.flows.pipeline.contexts import Contexts
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, RunUnit, Wording
from trailhouse.flows.pipeline.unit_results import UnitFailedError, UnitResult
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.few_shot.cpu_threads import limit_threads
from trailhouse.models.few_shot.encoded_tasks import TaskEncoder
from trailhouse.models.few_shot.evaluator import BATCH_POLICY, Evaluator
from trailhouse.models.few_shot.tasks.task import Task
from trailhouse.models.few_shot.verified_options import verify_options
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import Verification, draw_rows, make_generator
from trailhouse.support.wording import count_of
from trailhouse.warehouse.loading.evaluation_ledger import (
    Evaluation,
    EvaluationScores,
    load_evaluations,
    read_evaluation_keys,
)
from trailhouse.warehouse.loading.partition_load import Partition

if TYPE_CHECKING:
    from trailhouse.models.scoring.load_model import PreTrainedModel

# Finished evaluations are collected for this time and then inserted together. If the run is killed, the evaluations of
# about this time are lost. A shorter time would slow the run down, because each insertion copies the checkpoint's
# partition.
INSERT_AFTER_SECONDS = 60.0
WORDING = Wording(run_kind="evaluation", participle="evaluated", bar="Evaluating", step_bar="Options")


@dataclass(frozen=True)
class TaskEvaluation:
    """The kind of work that scores every option of multiple-choice tasks."""

    suite_id: str
    tasks: Mapping[str, Task]
    """The tasks to evaluate, by task_id."""
    settings: ScoringSettings
    contexts: Contexts
    verified_count: int
    """Number of options of each task that are scored a second time, each in a batch of its own."""
    verification: Verification = field(default_factory=Verification)
    encoder: TaskEncoder = field(default_factory=TaskEncoder)
    wording: Wording = WORDING
    batch_policy: str = BATCH_POLICY

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return the partition that holds all evaluations of a checkpoint."""
        return Partition("raw_option_score", (("model_id", checkpoint.model_id), ("step", checkpoint.step)))

    def list_missing(self, client: Client, checkpoint: Checkpoint, units: Sequence[Evaluation]) -> list[Evaluation]:
        """Return the evaluations in ``units`` whose evaluation keys are not in the ledger."""
        ledger = read_evaluation_keys(client, self.suite_id, (checkpoint.model_id, checkpoint.step))
        return [unit for unit in units if ledger.get(unit.ledger_key) != unit.evaluation_key]

    def name_unit(self, unit: Evaluation) -> str:
        """Return the task, the number of shots and the seed of an evaluation as text."""
        return f"task {unit.task_id}, {count_of(unit.shot_count, 'shot')}, seed {unit.seed}"

    def count_steps(self, unit: Evaluation) -> int:
        """Return the number of options in the task of an evaluation, which the progress bar counts."""
        return sum(len(item.options) for item in self.tasks[unit.task_id].items)

    @contextmanager
    def open_model(self, model: PreTrainedModel, checkpoint: Checkpoint) -> Iterator[RunUnit[Evaluation]]:
        """Yield a function that scores the options of a task with the model."""
        context = self.contexts[checkpoint.model_id, checkpoint.step]
        with limit_threads(model):
            evaluator = Evaluator(model, context.complete(self.settings))

            def run_unit(unit: Evaluation, advance: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
                encoded = self.encoder.encode(
                    checkpoint.tokenizer,
                    checkpoint.tokenizer_id,
                    self.tasks[unit.task_id],
                    unit.shot_count,
                    unit.seed,
                    context.context_length,
                    context.beginning.token_ids,
                )
                scores = evaluator.score(encoded, advance)
                drawn = draw_rows(scores.num_rows, self.verified_count, make_generator(unit.evaluation_key))
                verify_options(scores, model, encoded, drawn, self.verification)
                yield scores

            yield run_unit

    def insert(
        self, client: Client, results: Iterable[UnitResult[Evaluation]], scoring_run_id: UUID
    ) -> Iterator[InsertedUnit]:
        """Write finished evaluations to the checkpoint's partition and to the ledger, once a minute and at the end."""
        finished: list[EvaluationScores] = []
        inserted_at = time.monotonic()
        for result in results:
            try:
                batches = list(result.batches)
            except UnitFailedError:
                continue
            scores = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
            finished.append(EvaluationScores(result.unit, scores, result.run_seconds))
            if time.monotonic() - inserted_at > INSERT_AFTER_SECONDS:
                yield from insert_evaluations(client, finished, scoring_run_id)
                finished, inserted_at = [], time.monotonic()
        yield from insert_evaluations(client, finished, scoring_run_id)


def insert_evaluations(
    client: Client, finished: Sequence[EvaluationScores], scoring_run_id: UUID
) -> Iterator[InsertedUnit]:
    """Insert several evaluations of one checkpoint in one load, and yield an ``InsertedUnit`` for each evaluation."""
    if finished:
        load_evaluations(client, finished, scoring_run_id)
    for one in finished:
        item_count = len(one.scores["item_id"].unique())
        yield InsertedUnit(one.scores.num_rows, pc.sum(one.scores["token_count"]).as_py(), item_count)
