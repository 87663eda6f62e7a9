"""The outcome of a checkpoint in a run: which units of work were inserted, failed, or were done by other workers."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from trailhouse.errors import TrailhouseError
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, Wording


@dataclass(frozen=True)
class Failure:
    """The error by which the work on a checkpoint, or one unit of this work, failed."""

    error: BaseException
    unit_name: str = ""

    @property
    def message(self) -> str:
        """The message of the error. If the failure concerns one unit of work, the unit's name precedes the message."""
        message = self.error.message if isinstance(self.error, TrailhouseError) else describe_error(self.error)
        return f"{self.unit_name}: {message}" if self.unit_name else message


@dataclass
class CheckpointOutcome:
    """What a run did with one checkpoint. The outcome is filled while the run works on the checkpoint."""

    model_id: str
    step: int
    planned_count: int = 0
    """Number of units that the ledger lacked when the run began."""
    inserted: list[InsertedUnit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    elsewhere_count: int = 0
    """Number of units that another worker did since the run began."""
    device: str = ""
    attention_implementation: str = ""
    run_seconds: float = 0.0
    """Seconds for which the model ran."""

    @property
    def name(self) -> str:
        """The name of the checkpoint for messages."""
        return f"{self.model_id} step {self.step}"

    @property
    def computed(self) -> list[InsertedUnit]:
        """The inserted units of work for which the model was run. Units whose rows were copied are left out."""
        return [unit for unit in self.inserted if not unit.is_copied]

    @property
    def failed_count(self) -> int:
        """Number of planned units of work that neither this run nor another worker has finished."""
        return self.planned_count - len(self.inserted) - self.elsewhere_count

    def describe_state(self, wording: Wording) -> str:
        """Return a short text about the state of the checkpoint after the run."""
        if self.failures:
            return f"{wording.participle} in part" if self.inserted or self.elsewhere_count else "failed"
        return wording.participle if self.inserted else f"{wording.participle} by another worker"


def fail_at_once(model_id: str, step: int, error: BaseException) -> CheckpointOutcome:
    """Return the outcome of a checkpoint that failed before it entered the pipeline."""
    return CheckpointOutcome(model_id, step, planned_count=1, failures=[Failure(error)])


def describe_error(error: BaseException) -> str:
    """Return a one-line description of an error that is not a TrailhouseError."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def release_frames(errors: Sequence[BaseException]) -> None:
    """Clear the stack frames of stored errors, because variables in the frames keep models and tensors in memory."""
    for error in errors:
        cause: BaseException | None = error
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__cause__ or cause.__context__
