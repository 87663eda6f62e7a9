"""This module chooses the context length and the stride with which a checkpoint is scored.

If the settings state no context length, it is the sequence length in training. The context length never exceeds the
number of tokens that the model can read at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from transformers import PretrainedConfig

from trailhouse.errors import UsageError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.model_config import read_config, read_count
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings, SettingsRecord
from trailhouse.models.texts.text_beginning import NO_BEGINNING, TextBeginning

# Context length of models whose configuration states no limit, such as Mamba. This value limits the memory that long
# documents need.
UNLIMITED_CONTEXT_LENGTH = 2_048
# Configuration entries that state how many tokens a model can read at once. The first entry that exists is used.
POSITION_KEYS = ("max_position_embeddings", "context_length", "max_target_positions")
# Model types whose entry ``max_seq_len`` states how many tokens the model can read at once. In other model types, an
# entry of this name may mean something else.
TYPES_WITH_MAX_SEQ_LEN = ("dbrx", "mpt")
# Model types that number their positions from the padding token's id + 1, so that they have fewer positions for tokens
TYPES_WITH_POSITIONS_AFTER_PADDING = (
    "camembert",
    "data2vec-text",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)


@dataclass(frozen=True)
class ContextChoice:
    """The context length and the stride of one checkpoint, in tokens, and its beginning of a text."""

    context_length: int
    stride: int
    beginning: TextBeginning
    """What the model reads before every text. The context length includes it."""
    key_settings: ScoringSettings
    """The settings that are part of the score key.

    A context length or stride that equals the model's default is None here. So the score key does not depend on whether
    the user stated the default value. Score keys that were made before these settings existed also stay valid.
    """

    own_length: int
    """The number of tokens that the model reads at once if neither the user nor the suite states a context length."""

    switch_length: int | None = None
    """The model's switch length (see ``rotary_switch``) if the context length is larger than it, otherwise None."""

    @property
    def rotary_record(self) -> SettingsRecord:
        """The part of a score key or evaluation key that states that short and long texts share no batch.

        It is empty for models whose scores do not depend on this. For the other models, it makes the keys differ from
        those of older versions, which scored short and long texts in one batch, and wrongly.
        """
        return {} if self.switch_length is None else {"rotary_switch_length": self.switch_length}

    @property
    def evaluation_key_settings(self) -> ScoringSettings:
        """The settings that are part of the evaluation key. The context length is None if it is the model's own.

        Older versions evaluated every model with its own context length, so the keys that they made stay valid.
        """
        is_own = self.context_length == self.own_length
        return replace(self.key_settings, context_length=None if is_own else self.context_length)

    def complete(self, settings: ScoringSettings) -> ScoringSettings:
        """Return the settings with the context length, the stride and the beginning of this checkpoint."""
        return replace(
            settings,
            context_length=self.context_length,
            stride=self.stride,
            text_beginning_token_ids=self.beginning.token_ids,
        )


def choose_context(
    checkpoint: Checkpoint,
    declared_context_length: int,
    settings: ScoringSettings,
    beginning: TextBeginning = NO_BEGINNING,
) -> ContextChoice:
    """Return the context length and the stride of a checkpoint. The weights of the checkpoint are not loaded.

    The default context length is ``declared_context_length``, the sequence length in training that the suite declares.
    If the model can read only fewer tokens at once, the default is the number of tokens that it can read. The default
    stride is half the context length.

    Raises UsageError if the model cannot read as many tokens as the settings ask for. Also raises the errors of
    ``find_stride``.
    """
    config = read_config(checkpoint)
    settings = replace(settings, text_beginning_token_ids=beginning.token_ids)
    model_limit = find_context_length(config, replace(settings, context_length=None, stride=None))
    key_default = _find_key_default(config)
    wanted_length = settings.context_length or declared_context_length
    try:
        if settings.context_length is None:
            context_length = min(declared_context_length, model_limit)
        else:
            context_length = find_context_length(config, settings)
        stride = find_stride(context_length, settings)
    except UsageError as error:
        raise UsageError(f"{checkpoint.model_id}: {error.message}", error.hint) from error
    is_default = context_length == key_default or context_length < key_default <= wanted_length
    key_settings = replace(
        settings,
        context_length=None if is_default else context_length,
        stride=None if stride == halve(context_length) else stride,
    )
    switch_length = find_switch_length(config)
    if switch_length is not None and switch_length >= context_length:
        switch_length = None
    return ContextChoice(context_length, stride, beginning, key_settings, model_limit, switch_length)


def find_context_length(config: PretrainedConfig, settings: ScoringSettings) -> int:
    """Return how many tokens the model reads at once: the number in the settings, or else its number of positions.

    If the model's configuration states no number of positions, ``UNLIMITED_CONTEXT_LENGTH`` takes its place. A Falcon
    model with ALiBi can read more tokens than its configuration states, if the settings ask for more.

    Raises UsageError if the settings ask for more tokens than the model can read.
    """
    text_config = config.get_text_config()
    limit = find_position_count(text_config)
    if settings.context_length is None:
        return limit or UNLIMITED_CONTEXT_LENGTH
    if limit is not None and settings.context_length > limit and not _has_extensible_positions(text_config):
        raise UsageError(
            f"a context of {settings.context_length} tokens is asked for, and the model has {limit} positions",
            f"use a context length of at most {limit}",
        )
    return settings.context_length


def find_position_count(config: PretrainedConfig) -> int | None:
    """Return the number of tokens for which a model has positions, or None if its configuration states no number."""
    keys = ("max_seq_len",) if config.model_type in TYPES_WITH_MAX_SEQ_LEN else POSITION_KEYS
    stated = next((value for key in keys if (value := read_count(config, key)) is not None), None)
    if stated is not None and config.model_type in TYPES_WITH_POSITIONS_AFTER_PADDING:
        return stated - (config.pad_token_id or 0) - 1
    return stated


def _has_extensible_positions(config: PretrainedConfig) -> bool:
    """Return whether a model is a Falcon model with ALiBi, which has positions for any number of tokens."""
    return config.model_type == "falcon" and bool(getattr(config, "alibi", False))


def _find_key_default(config: PretrainedConfig) -> int:
    """Return the default context length. The score key holds None in place of this value.

    Only two entries of the configuration are read, because older versions of Trailhouse read only these entries. So the
    score keys of older versions stay valid.
    """
    text_config = config.get_text_config()
    stated = read_count(text_config, "max_position_embeddings") or read_count(text_config, "context_length")
    return stated or UNLIMITED_CONTEXT_LENGTH


def find_stride(context_length: int, settings: ScoringSettings) -> int:
    """Return the stride that the settings ask for, or else half the context length.

    Raises UsageError if the context length leaves no token for a text after its beginning. Raises UsageError if the
    stride is larger than the context length without the beginning, because the windows would skip positions.
    """
    stride = settings.stride or halve(context_length)
    beginning_length = len(settings.text_beginning_token_ids)
    place_count = context_length - beginning_length
    if place_count < 1:
        raise UsageError(
            f"a context of {context_length} tokens is too short for a text and its beginning of {beginning_length}",
            f"use a context length of at least {beginning_length + 1}",
        )
    if stride > place_count:
        less = f", less {beginning_length} for the beginning of a text" if beginning_length else ""
        raise UsageError(
            f"stride {stride} is larger than the context of {context_length}{less}",
            f"use a stride of at most {place_count}",
        )
    return stride


def halve(context_length: int) -> int:
    """Return the default stride, which is half the context length and at least 1."""
    return max(1, context_length // 2)
