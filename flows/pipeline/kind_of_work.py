"""The protocol by which one pipeline does every kind of work on checkpoints.

The kinds are scoring a corpus, evaluating tasks, generating texts and judging generated texts.

The work on a checkpoint consists of one unit or many units. A unit is the work for one ledger entry: scoring the
checkpoint on a corpus, or evaluating it on a task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.flows.pipeline.unit_results import UnitResult
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import Verification
from trailhouse.warehouse.loading.partition_load import Partition

if TYPE_CHECKING:
    from trailhouse.models.scoring.load_model import PreTrainedModel

UnitT = TypeVar("UnitT")
RunUnit = Callable[[UnitT, Callable[[int], None]], Iterator[pa.RecordBatch]]
"""A function that runs the model on a unit and yields rows.

Its first argument is the unit. Its second argument is a function, which it calls with the number of positions or
options that were just scored.
"""


@dataclass(frozen=True)
class Wording:
    """The words by which messages, progress bars and artifacts name a kind of work."""

    run_kind: str
    """The noun for the work, such as ``scoring``. It is stored in raw_scoring_run."""
    participle: str
    """The word for a checkpoint whose work is done, such as ``scored``."""
    bar: str
    """Title of the progress bar over all checkpoints."""
    step_bar: str
    """Title of the progress bar within one checkpoint. It names what is counted, such as ``Positions``."""


@dataclass(frozen=True)
class InsertedUnit:
    """A unit of work (one corpus, or one task with its shots and seed) whose rows and ledger entry are stored."""

    row_count: int
    token_count: int
    """Number of tokens with a log-probability. The speed of a run is computed from this number."""
    item_count: int = 0
    """Number of items of the task if the unit is an evaluation; otherwise 0."""
    is_copied: bool = False
    """Whether the rows were copied from another checkpoint."""
    mean_log_prob_nats: float | None = None


class KindOfWork(Protocol[UnitT]):
    """Everything that differs between the kinds of work."""

    @property
    def wording(self) -> Wording:
        """The words for the work in messages."""

    @property
    def settings(self) -> ScoringSettings:
        """The settings with which models are loaded."""

    @property
    def verification(self) -> Verification:
        """How many scores of the run were computed a second time, and how far they differed."""

    @property
    def batch_policy(self) -> str:
        """A description of how batches are made. It is stored in raw_scoring_run."""

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return the partition that holds the rows of a checkpoint. Only one worker at a time may write to it."""

    def list_missing(self, client: Client, checkpoint: Checkpoint, units: Sequence[UnitT]) -> list[UnitT]:
        """Return the units of work in ``units`` whose keys are not in the ledger at this moment."""

    def name_unit(self, unit: UnitT) -> str:
        """Return the name of a unit of work for error messages; an empty text if a checkpoint has only one unit."""

    def count_steps(self, unit: UnitT) -> int:
        """Return how many positions of a corpus or options of a task the progress bar counts for a unit of work."""

    def open_model(self, model: PreTrainedModel, checkpoint: Checkpoint) -> AbstractContextManager[RunUnit[UnitT]]:
        """Prepare a loaded model, and yield a function that runs the model on a unit of work.

        The yielded function raises BadInputError or UsageError if the model cannot be run on the unit. The pipeline
        then continues with the next unit.
        """

    def insert(
        self, client: Client, results: Iterable[UnitResult[UnitT]], scoring_run_id: UUID
    ) -> Iterator[InsertedUnit]:
        """Insert the rows of the units of work, then their ledger entries, and yield an InsertedUnit for each unit.

        A unit whose batches raise UnitFailedError is left out.
        """
