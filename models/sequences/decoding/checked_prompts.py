"""This module refuses prompts and lengths with which texts cannot be generated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.scoring.context_window import find_context_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.sequences.decoding.generated_text import Prompt
from trailhouse.models.sequences.decoding.incremental_model import IncrementalModel


def refuse_counts(new_token_count: int, batch_size: int) -> None:
    """Raise BadInputError if no token or no text is to be generated at once."""
    if new_token_count < 1:
        raise BadInputError(f"{new_token_count} tokens are to be generated", "generate at least 1 token")
    if batch_size < 1:
        raise BadInputError(f"the batch size is {batch_size}", "use at least 1")


def refuse_long_texts(name: str, model: IncrementalModel, prompt_length: int, new_token_count: int) -> None:
    """Raise BadInputError if beginning, prompt and new tokens exceed the context of the small or the large model."""
    text_length = model.beginning_length + prompt_length + new_token_count
    try:
        find_context_length(model.model.config, ScoringSettings(context_length=text_length))
    except UsageError as error:
        limit = find_context_length(model.model.config, ScoringSettings())
        beginning = f" a beginning of {model.beginning_length}," if model.beginning_length else ""
        raise BadInputError(
            f"the {name} model ({type(model.model).__name__}) has {limit} positions, too few for{beginning} a prompt of"
            f" {prompt_length} and {new_token_count} new tokens",
            f"generate at most {max(0, limit - text_length + new_token_count)} tokens, or use shorter prompts",
        ) from error


def refuse_prompts(name: str, model: IncrementalModel, prompts: Sequence[Prompt]) -> None:
    """Raise BadInputError naming a prompt that is empty, repeated, of another length, or has unknown tokens."""
    length = len(prompts[0].token_ids)
    seen: set[int] = set()
    for prompt in prompts:
        problem = None
        if len(prompt.token_ids) == 0:
            problem = "has no tokens"
        elif len(prompt.token_ids) != length:
            problem = f"has {len(prompt.token_ids)} tokens, and prompt {prompts[0].prompt_id} has {length}"
        elif not 0 <= np.min(prompt.token_ids) <= np.max(prompt.token_ids) < model.token_count:
            problem = f"has token ids outside the {model.token_count} tokens of the {name} model"
        elif prompt.prompt_id in seen:
            problem = "occurs twice"
        if problem is not None:
            raise BadInputError(
                f"prompt {prompt.prompt_id} {problem}", "give every prompt the same number of tokens of one tokenizer"
            )
        seen.add(prompt.prompt_id)
