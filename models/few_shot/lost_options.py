"""This module finds options that have no score of their own because of the tokenizer.

The tokenizer leaves no token of such an option, or encodes it as the same tokens as another option.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks.task import TaskItem

Tokens = npt.NDArray[np.int32]


def add_leading_blank(prompt: str, option: str) -> str:
    """Return the prompt with the white space that begins the option, unless the option is nothing but white space."""
    visible = option.lstrip()
    return prompt + option[: len(option) - len(visible)] if visible else prompt


def has_vanished(context: Tokens, blank: Tokens, text: Tokens) -> bool:
    """Return whether the tokenizer leaves no token of an option after its prompt.

    ``text`` holds the tokens of the prompt followed by the option. An option " x" has vanished if these are the tokens
    of the prompt followed by its blank alone, which ``blank`` holds; see ``add_leading_blank``. It has also vanished if
    they are only tokens of the prompt. ``context`` holds the tokens of the prompt without its final white space.
    """
    return np.array_equal(text, blank) or np.array_equal(text, context[: len(text)])


def refuse_equal_options(encoded: Sequence[Tokens], item: TaskItem, location: str) -> None:
    """Raise BadInputError if two options of an item have the same tokens but different target scores.

    The target score of an option is given by the task and tells how correct the option is. The model gives two options
    with the same tokens the same log-probability, so only their order would decide which of them the model chooses.

    ``encoded`` holds the tokens of the prompt with each option. ``location`` names the task and the item in the error.
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
