"""What became of a checkpoint in a run: what was inserted, what failed, what others did."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from trailhouse.errors import TrailhouseError
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, Wording


@dataclass(frozen=True)
class Failure:
    """What is wrong with a checkpoint or with one of its units."""

    error: BaseException
    unit_name: str = ""

    @property
    def message(self) -> str:
        """The unit, if it is a single one, and what is wrong."""
        message = self.error.message if isinstance(self.error, TrailhouseError) else describe_error(self.error)
        return f"{self.unit_name}: {message}" if self.unit_name else message


@dataclass
class CheckpointOutcome:
    """What a run did with one checkpoint; it is filled while the checkpoint is worked on."""

    model_id: str
    step: int
    planned_count: int = 0
    """Units that the ledger lacked when the run began."""
    inserted: list[InsertedUnit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    elsewhere_count: int = 0
    """Units that another worker did since the run began."""
    device: str = ""
    attention_implementation: str = ""
    run_seconds: float = 0.0
    """How long the model ran."""

    @property
    def name(self) -> str:
        """How the checkpoint is called in messages."""
        return f"{self.model_id} step {self.step}"

    @property
    def computed(self) -> list[InsertedUnit]:
        """The units that the model was run on, unlike those that were copied."""
        return [unit for unit in self.inserted if not unit.is_copied]

    @property
    def failed_count(self) -> int:
        """Planned units that neither this run nor another worker did."""
        return self.planned_count - len(self.inserted) - self.elsewhere_count

    def describe_state(self, wording: Wording) -> str:
        """Return in words what became of the checkpoint."""
        if self.failures:
            return f"{wording.participle} in part" if self.inserted or self.elsewhere_count else "failed"
        return wording.participle if self.inserted else f"{wording.participle} by another worker"


def fail_at_once(model_id: str, step: int, error: BaseException) -> CheckpointOutcome:
    """Return the outcome of a checkpoint that failed before it came to the pipeline."""
    return CheckpointOutcome(model_id, step, planned_count=1, failures=[Failure(error)])


def describe_error(error: BaseException) -> str:
    """Return an error that is not Trailhouse's own in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def release_frames(errors: Sequence[BaseException]) -> None:
    """Clear the frames behind errors that are kept: their variables hold models and tensors."""
    for error in errors:
        cause: BaseException | None = error
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__cause__ or cause.__context__
