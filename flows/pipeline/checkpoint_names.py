"""This module finds the checkpoint that a user names as SUITE/MODEL@STEP."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trailhouse.errors import BadInputError
from trailhouse.flows.pipeline.declared_suites import find_named_model
from trailhouse.flows.pipeline.registration import FoundCheckpoints, find_checkpoints
from trailhouse.flows.pipeline.training import train_missing
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.checkpoints.suite import Suite


@dataclass(frozen=True)
class NamedCheckpoint:
    """A checkpoint, its model as a suite of one model, and everything that was found of this model."""

    checkpoint: Checkpoint
    suite: Suite
    found: FoundCheckpoints

    @property
    def source(self) -> CheckpointSource:
        """The source that fetches the checkpoint."""
        return self.found.sources[self.checkpoint.model_id]


def find_named_checkpoint(name: str, settings: Settings) -> NamedCheckpoint:
    """Return the checkpoint that a user names as SUITE/MODEL@STEP. Miniature models are trained if they are missing.

    Without a step, or with the step ``last``, it is the model's last checkpoint. With a suite alone, it is the last
    checkpoint of the suite's first model.

    Raises BadInputError if there is no such suite, model or usable checkpoint at that step.
    """
    named = find_named_model(name, settings)
    suite, step = named.suite, named.step
    train_missing(suite, settings)
    suite = replace(suite, models=(named.model,))
    found = find_checkpoints(suite, settings)
    model_id = f"{suite.suite_id}/{named.model.model_name}"
    usable = {checkpoint.step: checkpoint for checkpoint in found.checkpoints}
    wanted = max(usable, default=None) if step in ("", "last") else int(step)
    if wanted is None or wanted not in usable:
        steps = ", ".join(map(str, sorted(usable))) or "none"
        asked = "" if wanted is None else f" at step {wanted}"
        raise BadInputError(f"{model_id} has no usable checkpoint{asked}", f"the usable steps are {steps}")
    return NamedCheckpoint(usable[wanted], suite, found)
