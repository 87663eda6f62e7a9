"""This module chooses the context length and the stride with which a checkpoint is scored.

The context length is what the settings ask for, or else the context length in training. It never exceeds the number of
tokens that the model can read at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from transformers import PretrainedConfig

from trailhouse.errors import UsageError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.model_config import read_config
from trailhouse.models.scoring.scoring_settings import ScoringSettings

# Context length of models whose configuration states no limit, such as Mamba. It bounds the memory that long documents
# need.
UNLIMITED_CONTEXT_LENGTH = 2_048


@dataclass(frozen=True)
class ContextChoice:
    """The context length and the stride of one checkpoint, in tokens."""

    context_length: int
    stride: int
    key_settings: ScoringSettings
    """The settings that are part of the score key.

    A context length or stride that equals the model's default is None here. So the key does not depend on whether the
    default was asked for explicitly, and keys stay valid that were made before these settings existed.
    """


def choose_context(checkpoint: Checkpoint, declared_context_length: int, settings: ScoringSettings) -> ContextChoice:
    """Return the context length and the stride of a checkpoint. The weights of the checkpoint are not loaded.

    The default context length is ``declared_context_length``, the sequence length in training that the suite declares.
    If the model can read only fewer tokens at once, the default is the number of tokens that it can read. The default
    stride is half the context length.

    Raises UsageError if the model cannot read as many tokens as the settings ask for, or if the stride is larger
    than the context length.
    """
    config = read_config(checkpoint)
    model_limit = find_context_length(config, replace(settings, context_length=None, stride=None))
    try:
        if settings.context_length is None:
            context_length = min(declared_context_length, model_limit)
        else:
            context_length = find_context_length(config, settings)
        stride = find_stride(context_length, settings)
    except UsageError as error:
        raise UsageError(f"{checkpoint.model_id}: {error.message}", error.hint) from error
    key_settings = replace(
        settings,
        context_length=None if context_length == model_limit else context_length,
        stride=None if stride == halve(context_length) else stride,
    )
    return ContextChoice(context_length, stride, key_settings)


def find_context_length(config: PretrainedConfig, settings: ScoringSettings) -> int:
    """Return how many tokens the model reads at once: the number in the settings, or else the model's positions.

    If the model's configuration states no number of positions, ``UNLIMITED_CONTEXT_LENGTH`` takes its place.

    Raises UsageError if the settings ask for more tokens than the model has positions.
    """
    text_config = config.get_text_config()
    limit = getattr(text_config, "max_position_embeddings", None) or getattr(text_config, "context_length", None)
    if settings.context_length is None:
        return limit or UNLIMITED_CONTEXT_LENGTH
    if limit is not None and settings.context_length > limit:
        raise UsageError(
            f"a context of {settings.context_length} tokens is asked for, and the model has {limit} positions",
            f"use a context length of at most {limit}",
        )
    return settings.context_length


def find_stride(context_length: int, settings: ScoringSettings) -> int:
    """Return the stride that the settings ask for, or else half the context length.

    Raises UsageError if the stride is larger than the context length, because the windows would skip positions.
    """
    stride = settings.stride or halve(context_length)
    if stride > context_length:
        raise UsageError(
            f"stride {stride} is larger than the context of {context_length}",
            f"use a stride of at most {context_length}",
        )
    return stride


def halve(context_length: int) -> int:
    """Return the default stride, which is half the context length and at least 1."""
    return max(1, context_length // 2)
