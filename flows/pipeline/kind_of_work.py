"""What a kind of work must say about itself so that the pipeline can do it on checkpoints.

Scoring a corpus and evaluating tasks are kinds of work. A unit is what the ledger of a kind knows as one entry: the
scores of a checkpoint on a corpus, or of a checkpoint on a task. A checkpoint has one unit or many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.flows.pipeline.unit_results import UnitResult
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.scoring.load_model import PreTrainedModel
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.warehouse.loading.partition_load import Partition

UnitT = TypeVar("UnitT")
RunUnit = Callable[[UnitT, Callable[[int], None]], Iterator[pa.RecordBatch]]
"""Runs the model on one unit and yields the rows; calls its second argument with the number of steps just done."""


@dataclass(frozen=True)
class Wording:
    """How a kind of work is called in messages, progress bars and artifacts."""

    run_kind: str
    """The work as a noun, which raw_scoring_run records: ``scoring``."""
    participle: str
    """What a checkpoint is afterwards: ``scored``."""
    bar: str
    """Title of the progress bar over all checkpoints."""
    step_bar: str
    """Title of the progress bar within a checkpoint, after what is counted there."""


@dataclass(frozen=True)
class InsertedUnit:
    """A unit whose rows and ledger entry are in the warehouse."""

    row_count: int
    token_count: int
    """Tokens with a log-probability, from which the speed of a run is computed."""
    item_count: int = 0
    """Items of the task, for a unit that is an evaluation."""
    is_copied: bool = False
    """Whether the rows are a copy of another checkpoint's."""
    mean_log_prob_nats: float | None = None


class KindOfWork(Protocol[UnitT]):
    """Everything that differs between the flows that run models."""

    @property
    def wording(self) -> Wording:
        """How the work is called."""

    @property
    def settings(self) -> ScoringSettings:
        """How models are loaded."""

    @property
    def batch_policy(self) -> str:
        """How batches are made, for the record of the run."""

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return the partition that holds the rows of a checkpoint; one worker at a time may write to it."""

    def list_missing(self, client: Client, checkpoint: Checkpoint, units: Sequence[UnitT]) -> list[UnitT]:
        """Return those units of a checkpoint that the ledger does not hold at this moment."""

    def name_unit(self, unit: UnitT) -> str:
        """Return what a failed unit is called beside its checkpoint; empty where a checkpoint has one unit."""

    def count_steps(self, unit: UnitT) -> int:
        """Return the number of steps of a unit, for the progress bar."""

    def open_model(self, model: PreTrainedModel, checkpoint: Checkpoint) -> AbstractContextManager[RunUnit[UnitT]]:
        """Prepare a loaded model, and yield what runs it on a unit.

        Running a unit raises BadInputError or UsageError if this unit cannot be run; others are run all the same.
        """

    def insert(
        self, client: Client, results: Iterable[UnitResult[UnitT]], scoring_run_id: UUID
    ) -> Iterator[InsertedUnit]:
        """Insert the rows of units and then their ledger entries; yields each unit once its entry is written.

        A unit whose batches raise UnitFailedError is left out.
        """
