"""The protocol of a kind of work, so that the pipeline can do any kind of work on checkpoints.

Scoring a corpus and evaluating tasks are kinds of work. A unit is the work of one ledger entry, such as the scores of a
checkpoint on a corpus or on a task. A checkpoint has one unit or many.
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
"""Runs the model on a unit and yields rows. It calls its second argument with the number of steps just done."""


@dataclass(frozen=True)
class Wording:
    """The words for a kind of work in messages, progress bars and artifacts."""

    run_kind: str
    """The work as a noun, such as ``scoring``. It is recorded in raw_scoring_run."""
    participle: str
    """The word for a checkpoint whose work is done, such as ``scored``."""
    bar: str
    """Title of the progress bar over all checkpoints."""
    step_bar: str
    """Title of the progress bar within a checkpoint. It names what is counted, such as ``Positions``."""


@dataclass(frozen=True)
class InsertedUnit:
    """A unit whose rows and ledger entry are in the warehouse."""

    row_count: int
    token_count: int
    """Number of tokens with a log-probability. The speed of a run is computed from it."""
    item_count: int = 0
    """Number of items of the task, if the unit is an evaluation."""
    is_copied: bool = False
    """Whether the rows were copied from another checkpoint."""
    mean_log_prob_nats: float | None = None


class KindOfWork(Protocol[UnitT]):
    """Everything that differs between the flows that run models."""

    @property
    def wording(self) -> Wording:
        """The words for the work in messages."""

    @property
    def settings(self) -> ScoringSettings:
        """The settings by which models are loaded."""

    @property
    def batch_policy(self) -> str:
        """A description of how batches are made, for the record of the run."""

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return the partition that holds the rows of a checkpoint. Only one worker at a time may write to it."""

    def list_missing(self, client: Client, checkpoint: Checkpoint, units: Sequence[UnitT]) -> list[UnitT]:
        """Return the units of a checkpoint that the ledger lacks now."""

    def name_unit(self, unit: UnitT) -> str:
        """Return the name of a failed unit in messages; empty if a checkpoint has only one unit."""

    def count_steps(self, unit: UnitT) -> int:
        """Return the number of steps of a unit, for the progress bar."""

    def open_model(self, model: PreTrainedModel, checkpoint: Checkpoint) -> AbstractContextManager[RunUnit[UnitT]]:
        """Prepare a loaded model, and yield a function that runs the model on a unit.

        The function raises BadInputError or UsageError if this unit cannot be run. The other units are still run.
        """

    def insert(
        self, client: Client, results: Iterable[UnitResult[UnitT]], scoring_run_id: UUID
    ) -> Iterator[InsertedUnit]:
        """Insert the rows of units and then their ledger entries. Yields each unit once its entry is written.

        A unit whose batches raise UnitFailedError is left out.
        """
