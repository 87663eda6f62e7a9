"""This module refuses prompts and counts with which texts cannot be generated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trailhouse.errors import BadInputError
from trailhouse.models.sequences.decoding.generated_text import Prompt
from trailhouse.models.sequences.decoding.incremental_model import IncrementalModel


def refuse_counts(new_token_count: int, batch_size: int) -> None:
    """Raise BadInputError if no token or no text is to be generated at once."""
    if new_token_count < 1:
        raise BadInputError(f"{new_token_count} tokens are to be generated", "generate at least 1 token")
    if batch_size < 1:
        raise BadInputError(f"the batch size is {batch_size}", "use at least 1")


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
