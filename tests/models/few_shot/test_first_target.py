"""Where an option begins among the tokens of its prompt and itself, and what is cut off a long prompt."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.few_shot import option_encoding
from trailhouse.models.few_shot.option_encoding import EncodedItem, EncodedOption
from trailhouse.models.few_shot.prompt import draw_exemplars
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem


def tokens(*token_ids: int) -> np.ndarray:
    return np.asarray(token_ids, np.int32)


@pytest.mark.parametrize(
    ("context", "text", "expected"),
    [
        ((1, 2), (1, 2, 3, 4), 2),
        ((), (1,), 0),
        ((1, 2, 3), (1, 2, 9), 2),  # the tokenizer merged the option with the last token of the prompt
        ((1, 2, 3), (1, 9, 3), 1),
        ((1, 2, 3), (9, 2, 3), 0),
        ((1, 2, 3), (1, 9), 1),
        ((1, 2, 3, 4), (1, 9), 1),
        ((1, 2), (1, 2), 1),
        ((1, 2, 3), (1,), 0),
    ],
)
def test_an_option_begins_with_the_first_token_that_is_not_of_the_prompt(context, text, expected):
    assert option_encoding._find_first_target(tokens(*context), tokens(*text)) == expected


def item(*options: tuple[tuple[int, ...], int]) -> EncodedItem:
    return EncodedItem(tuple(EncodedOption(tokens(*ids), first, None) for ids, first in options), 2, 0)


@pytest.mark.parametrize(
    ("excess", "beginning_length", "expected"),
    [
        (0, 0, [([1, 2, 3, 4, 5], 3), ([1, 2, 3, 6], 3)]),
        (1, 0, [([2, 3, 4, 5], 2), ([2, 3, 6], 2)]),
        (2, 0, [([3, 4, 5], 1), ([3, 6], 1)]),
        (3, 0, None),
        (2, 1, [([1, 4, 5], 1), ([1, 6], 1)]),
        (1, 2, [([1, 2, 4, 5], 2), ([1, 2, 6], 2)]),
        (2, 2, None),
    ],
)
def test_the_first_tokens_of_a_prompt_are_cut_off_but_for_the_beginning_or_one_token(
    excess, beginning_length, expected
):
    task = SimpleNamespace(task_id="t")
    given = item(((1, 2, 3, 4, 5), 3), ((1, 2, 3, 6), 3))
    if expected is None:
        with pytest.raises(BadInputError, match="task 't', item 7: an option of 2 tokens does not fit"):
            option_encoding._truncate(given, excess, beginning_length, task, 7)
        return
    found = option_encoding._truncate(given, excess, beginning_length, task, 7)
    assert [(option.token_ids.tolist(), option.first_target) for option in found.options] == expected
    assert found.exemplar_count == 2


@pytest.mark.parametrize(
    ("bos", "eos", "expected"), [(1, 2, 1), (None, 2, 2), (0, 2, 0), (None, None, None), (None, [2, 3], None)]
)
def test_a_text_begins_with_the_bos_token_or_else_the_eos_token(bos, eos, expected):
    tokenizer = SimpleNamespace(bos_token_id=bos, eos_token_id=eos)
    assert option_encoding.find_start_token(tokenizer) == expected


@pytest.mark.parametrize("shot_count", [-1, 3])
def test_there_are_fewer_exemplars_than_items(shot_count):
    items = tuple(TaskItem(f"question {index}", ("a", "b"), (1.0, 0.0)) for index in range(3))
    task = Task("t", "", (), "", "bigbench", "", PromptFormat(), items)
    with pytest.raises(UsageError) as caught:
        draw_exemplars(task, 0, shot_count, 1)
    assert caught.value.hint == "ask for 0 to 2 shots"
    assert sorted(draw_exemplars(task, 0, 2, 1)) == [1, 2]
