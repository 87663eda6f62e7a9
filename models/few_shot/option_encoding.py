"""Options as token sequences: the border between prompt and option, and prompts that are too long.

Prompt and option are encoded together, and the option's tokens are what comes after as many tokens as the prompt
has by itself; white space at the end of the prompt counts as the beginning of the option, since nearly all
tokenizers join it to the next word. Both as lm-evaluation-harness does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.few_shot.tasks.task import Task
from trailhouse.models.texts.untrusted_tokenizers import encode_texts

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class EncodedOption:
    """A prompt with one of its options."""

    token_ids: Tokens
    """(prompt tokens + option tokens,)"""
    first_target: int
    """Position of the option's first token, at least 1."""
    alone: Tokens | None
    """The option at the beginning of a text: a token that begins texts, then its tokens."""

    @property
    def token_count(self) -> int:
        """Tokens of the option."""
        return len(self.token_ids) - self.first_target


@dataclass(frozen=True)
class EncodedItem:
    """The options of one item, all after the same prompt."""

    options: tuple[EncodedOption, ...]
    exemplar_count: int
    truncated_token_count: int


@dataclass(frozen=True)
class EncodedTask:
    """A task under one tokenizer, for models of one context length, with exemplars of one seed."""

    task: Task
    shot_count: int
    seed: int
    items: tuple[EncodedItem, ...]

    @property
    def largest_token_id(self) -> int:
        """The largest token id of all options and prompts."""
        options = [option for item in self.items for option in item.options]
        alone = [option.alone for option in options if option.alone is not None]
        return max(int(tokens.max()) for tokens in [*(option.token_ids for option in options), *alone])


@dataclass(frozen=True)
class _Draft:
    """An item on its way: its prompt with some of its exemplars."""

    item_id: int
    exemplar_ids: tuple[int, ...]
    prompt: str

    @property
    def context(self) -> str:
        return self.prompt.rstrip()

    @property
    def white_space(self) -> str:
        """White space that moves from the end of the prompt to the option."""
        return self.prompt[len(self.context) :]


def encode_task(
    tokenizer: PreTrainedTokenizerBase, task: Task, shot_count: int, seed: int, context_length: int
) -> EncodedTask:
    """Write and encode the prompts of all items.

    A prompt that does not fit the context with the longest option of its item loses exemplars, the first one
    first, and then tokens at its beginning; all options of an item keep the same prompt.

    Errors: UsageError where the task has too few items for that many exemplars; BadInputError naming task and
    item where an option alone does not fit, or where the prompt is empty and no token begins a text.
    """
    start = find_start_token(tokenizer)
    drafts = [
        _draft(task, item_id, draw_exemplars(task, item_id, shot_count, seed), seed)
        for item_id in range(len(task.items))
    ]
    encoded: dict[int, EncodedItem] = {}
    while drafts:
        items = _encode_drafts(tokenizer, task, drafts, start)
        shortened = []
        for draft, item in zip(drafts, items, strict=True):
            excess = max(len(option.token_ids) for option in item.options) - (context_length + 1)
            if excess > 0 and draft.exemplar_ids:
                shortened.append(_draft(task, draft.item_id, draft.exemplar_ids[1:], seed))
            else:
                encoded[draft.item_id] = _truncate(item, max(excess, 0), task, draft.item_id)
        drafts = shortened
    return EncodedTask(task, shot_count, seed, tuple(item for _, item in sorted(encoded.items())))


def count_tokens(tokenizer: PreTrainedTokenizerBase, requests: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Return the tokens of every prompt and of the option behind it, counted as they are where they are scored."""
    prompts = list(dict.fromkeys(prompt for prompt, _ in requests))
    contexts = dict(zip(prompts, encode_texts(tokenizer, [prompt.rstrip() for prompt in prompts]), strict=True))
    wholes = encode_texts(tokenizer, [prompt + option for prompt, option in requests])
    borders = [_find_border(contexts[prompt], together) for (prompt, _), together in zip(requests, wholes, strict=True)]
    return [(border, len(together) - border) for border, together in zip(borders, wholes, strict=True)]


def find_start_token(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the token that begins a text: the one of that name, or the one that ends texts and so comes before."""
    for token_id in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if isinstance(token_id, int):
            return token_id
    return None


def _draft(task: Task, item_id: int, exemplar_ids: tuple[int, ...], seed: int) -> _Draft:
    return _Draft(item_id, exemplar_ids, write_prompt(task, item_id, exemplar_ids, seed))


def _encode_drafts(
    tokenizer: PreTrainedTokenizerBase, task: Task, drafts: Sequence[_Draft], start: int | None
) -> list[EncodedItem]:
    contexts = iter(encode_texts(tokenizer, [draft.context for draft in drafts]))
    endings = [draft.white_space + option for draft in drafts for option in task.items[draft.item_id].options]
    wholes = [
        draft.context + draft.white_space + option for draft in drafts for option in task.items[draft.item_id].options
    ]
    alone = iter(encode_texts(tokenizer, endings))
    together = iter(encode_texts(tokenizer, wholes))
    items = []
    for draft in drafts:
        context = next(contexts)
        place = f"task {task.task_id!r}, item {draft.item_id}"
        options = tuple(
            _join(context, next(together), next(alone), start, place) for _ in task.items[draft.item_id].options
        )
        items.append(EncodedItem(options, len(draft.exemplar_ids), 0))
    return items


def _find_border(context: Tokens, together: Tokens) -> int:
    """Return the position of the option's first token in prompt and option together."""
    if len(context) < len(together):
        return len(context)
    return _count_common(context, together[:-1])  # the option melts into the prompt's last token: begin where they part


def _join(context: Tokens, together: Tokens, alone: Tokens, start: int | None, place: str) -> EncodedOption:
    """Find the option in the tokens of prompt and option together."""
    begun = None if start is None else np.concatenate([np.asarray([start], np.int32), alone])
    first_target = _find_border(context, together)
    if first_target > 0:
        return EncodedOption(together, first_target, begun)
    if start is None:
        raise BadInputError(
            f"{place}: the prompt is empty, and the tokenizer has no token to begin a text with",
            "give the task a prefix or an input",
        )
    return EncodedOption(np.concatenate([np.asarray([start], np.int32), together]), 1, begun)


def _truncate(item: EncodedItem, excess: int, task: Task, item_id: int) -> EncodedItem:
    """Cut tokens from the beginning of the prompt."""
    if excess == 0:
        return item
    first_target = min(option.first_target for option in item.options)
    if excess >= first_target:
        longest = max(option.token_count for option in item.options)
        raise BadInputError(
            f"task {task.task_id!r}, item {item_id}: an option of {longest} tokens does not fit the model's context",
            "leave the task out for this model",
        )
    options = tuple(
        EncodedOption(option.token_ids[excess:], option.first_target - excess, option.alone) for option in item.options
    )
    return EncodedItem(options, item.exemplar_count, excess)


def _count_common(left: Tokens, right: Tokens) -> int:
    """Return how many tokens two sequences have in common at their beginning."""
    length = min(len(left), len(right))
    different = np.flatnonzero(left[:length] != right[:length])
    return int(different[0]) if len(different) else length
