"""This module refuses texts that are longer than what a model can read at once."""

from __future__ import annotations

from transformers import PretrainedConfig

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.scoring.context_window import find_context_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings


def refuse_long_texts(
    name: str, config: PretrainedConfig, beginning_length: int, prompt_length: int, new_token_count: int
) -> None:
    """Raise BadInputError if beginning, prompt and new tokens exceed what a model can read at once.

    ``name`` is what the error calls the model. A model whose configuration states no number of positions, such as
    Mamba, reads texts of any length.
    """
    text_length = beginning_length + prompt_length + new_token_count
    try:
        find_context_length(config, ScoringSettings(context_length=text_length))
    except UsageError as error:
        limit = find_context_length(config, ScoringSettings())
        beginning = f" a beginning of {beginning_length}," if beginning_length else ""
        raise BadInputError(
            f"{name} has {limit} positions, too few for{beginning} a prompt of {prompt_length} and {new_token_count}"
            " new tokens",
            f"generate at most {max(0, limit - text_length + new_token_count)} tokens, or use shorter prompts",
        ) from error
