"""How much context a checkpoint is scored with: what is asked for, what it was trained on, what it can read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trailhouse.errors import UsageError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.model_config import read_config
from trailhouse.models.scoring.load_model import find_context_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings


@dataclass(frozen=True)
class ContextChoice:
    """The context length and the stride of one checkpoint, in tokens."""

    context_length: int
    stride: int
    key_settings: ScoringSettings
    """The settings with the numbers that decide a score; None where they are the model's own, so that scores from
    before they could be chosen keep their keys, and asking for what is used anyway scores nothing again."""


def choose_context(checkpoint: Checkpoint, declared_context_length: int, settings: ScoringSettings) -> ContextChoice:
    """Say with how much context a checkpoint is scored, from its configuration alone.

    Without a wish it is the sequence length of the training that its suite declares, or the model's own limit
    where that is less; the stride is half of it.

    Errors: UsageError where the model cannot read that much or the stride is larger than the context.
    """
    config = read_config(checkpoint)
    own = find_context_length(config, replace(settings, context_length=None, stride=None))
    try:
        context_length = (
            min(declared_context_length, own)
            if settings.context_length is None
            else find_context_length(config, settings)
        )
    except UsageError as error:
        raise UsageError(f"{checkpoint.model_id}: {error.message}", error.hint) from error
    stride = settings.stride or halve(context_length)
    if stride > context_length:
        raise UsageError(
            f"{checkpoint.model_id}: stride {stride} is larger than the context of {context_length}",
            f"use a stride of at most {context_length}",
        )
    key_settings = replace(
        settings,
        context_length=None if context_length == own else context_length,
        stride=None if stride == halve(context_length) else stride,
    )
    return ContextChoice(context_length, stride, key_settings)


def halve(context_length: int) -> int:
    """Return the stride of a context where none is asked for."""
    return max(1, context_length // 2)
