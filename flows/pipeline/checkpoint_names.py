"""This module finds the checkpoint that a user names as SUITE/MODEL@STEP."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
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
    path, has_step, step = name.partition("@")
    if has_step and step != "last" and not step.isdecimal():
        raise BadInputError(
            f"{name!r}: {step!r} is no step", "write SUITE/MODEL@STEP, such as miniature/neox-large@1000"
        )
    suite, model_name = _split_name(path, settings)
    models = [model for model in suite.models if model_name in ("", model.model_name)]
    if not models:
        known = ", ".join(model.model_name for model in suite.models)
        raise BadInputError(f"suite {suite.suite_id} has no model {model_name!r}", f"its models are {known}")
    train_missing(suite, settings)
    suite = replace(suite, models=(models[0],))
    found = find_checkpoints(suite, settings)
    model_id = f"{suite.suite_id}/{models[0].model_name}"
    usable = {checkpoint.step: checkpoint for checkpoint in found.checkpoints}
    wanted = max(usable, default=None) if step in ("", "last") else int(step)
    if wanted is None or wanted not in usable:
        steps = ", ".join(map(str, sorted(usable))) or "none"
        asked = "" if wanted is None else f" at step {wanted}"
        raise BadInputError(f"{model_id} has no usable checkpoint{asked}", f"the usable steps are {steps}")
    return NamedCheckpoint(usable[wanted], suite, found)


def _split_name(path: str, settings: Settings) -> tuple[Suite, str]:
    """Return the suite and the name of the model in SUITE/MODEL; the name is empty if only a suite is named."""
    suite_name, _, model_name = path.rpartition("/")
    try:
        return find_declared_suite(path, settings), ""
    except UsageError as error:
        if not suite_name:
            raise BadInputError(f"{path!r}: {error.message}", error.hint) from error
    try:
        return find_declared_suite(suite_name, settings), model_name
    except UsageError as error:
        raise BadInputError(f"{path!r}: {error.message}", error.hint) from error
