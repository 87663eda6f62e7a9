"""This module finds options that a tokenizer deletes or makes equal. They have no score of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks.task import TaskItem

Tokens = npt.NDArray[np.int32]


def has_vanished(context: Tokens, prompt: Tokens, text: Tokens) -> bool:
    """Return whether an option has no token of its own in ``text``, which holds the tokens of prompt and option.

    ``context`` holds the tokens of the prompt without the white space at its end, and ``prompt`` those with it.
    """
    return np.array_equal(text, prompt) or np.array_equal(text, context[: len(text)])


def refuse_equal_options(encoded: Sequence[Tokens], item: TaskItem, location: str) -> None:
    """Raise BadInputError if two options of an item are the same tokens but have different target scores.

    ``encoded`` holds the tokens of the prompt with each option. Such options have equal scores, so the model's choice
    between them would be decided by their order. ``location`` names the task and the item in the error.
    """
    seen: dict[bytes, int] = {}
    for index, tokens in enumerate(encoded):
        other = seen.setdefault(tokens.tobytes(), index)
        if item.target_scores[other] != item.target_scores[index]:
            raise BadInputError(
                f"{location}: the tokenizer makes the same tokens of the options {item.options[other]!r} and "
                f"{item.options[index]!r}",
                "leave the task out for this model",
            )
