r"""This module encodes prompts and options as token ids, and cuts prompts that are too long.

As in lm-evaluation-harness, the prompt and the option are encoded together as one text. If the prompt by itself has
n tokens, the option consists of the tokens after the first n of this text. White space at the end of the prompt belongs
to the option, because nearly all tokenizers join it to the next word::

    prompt + option      "Q: why?\nA:" + " yes"
    tokens               Q : Ġwhy ? Ċ A : | Ġyes

The beginning of a text, such as the token BOS, stands before every prompt. It is kept if the prompt is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.lost_options import add_leading_blank, has_vanished, refuse_equal_options
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.few_shot.tasks.task import Task
from trailhouse.models.texts.untrusted_tokenizers import encode_texts

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class EncodedOption:
    """A prompt followed by one of its options, and the option without its prompt."""

    token_ids: Tokens
    """The beginning of a text, followed by the tokens of the prompt and the tokens of the option."""
    first_target: int
    """Index of the option's first token, at least 1."""
    unconditional_token_ids: Tokens | None
    """The beginning of a text, or else the tokenizer's start token, followed by the option without the prompt.

    It is None if there is neither a beginning nor a start token, or if the tokenizer leaves no token of the option.
    """

    @property
    def token_count(self) -> int:
        """Number of tokens of the option."""
        return len(self.token_ids) - self.first_target


@dataclass(frozen=True)
class EncodedItem:
    """The options of one item; all have the same prompt."""

    options: tuple[EncodedOption, ...]
    exemplar_count: int
    """Number of exemplars in the prompt."""
    truncated_token_count: int
    """Number of first tokens of the prompt that were cut off."""


@dataclass(frozen=True)
class EncodedTask:
    """A task as token ids, encoded with one tokenizer, one context length and one seed that draws the exemplars."""

    task: Task
    shot_count: int
    seed: int
    items: tuple[EncodedItem, ...]

    @property
    def largest_token_id(self) -> int:
        """The largest token id of all prompts and options."""
        options = [option for item in self.items for option in item.options]
        unconditional = [o.unconditional_token_ids for o in options if o.unconditional_token_ids is not None]
        return max(int(tokens.max()) for tokens in [*(option.token_ids for option in options), *unconditional])


@dataclass(frozen=True)
class _UnscoredTokens:
    """The tokens that stand before texts and are not scored."""

    before_prompt: Tokens
    """The beginning of a text."""
    without_prompt: Tokens
    """The beginning of a text, or else the start token. It is empty if there is neither."""


@dataclass(frozen=True)
class _Draft:
    """An item whose prompt is written as text but not encoded yet."""

    item_id: int
    exemplar_ids: tuple[int, ...]
    prompt: str
    options: tuple[str, ...]

    @property
    def context(self) -> str:
        """The prompt without the white space at its end."""
        return self.prompt.rstrip()

    @property
    def endings(self) -> list[str]:
        """The options, each preceded by the white space that ends the prompt."""
        white_space = self.prompt[len(self.context) :]
        return [white_space + option for option in self.options]


def encode_task(
    tokenizer: PreTrainedTokenizerBase,
    task: Task,
    shot_count: int,
    seed: int,
    context_length: int,
    beginning: Sequence[int] = (),
) -> EncodedTask:
    """Write the prompts of a task's items, and return the task as token ids.

    Each option is encoded after its prompt, and also alone, without the prompt. ``beginning`` holds the token ids of
    the beginning of a text. They stand before every prompt, and before every option alone. If there are none, the start
    token stands before an option alone, because the option needs some context.

    The beginning, the prompt and the longest option of an item must together fit the context length. If they are too
    long, exemplars are removed from the prompt, the first exemplar first. If they are still too long, the first tokens
    of the prompt are cut off. All options of an item have the same prompt.

    Raises UsageError if the task has too few items for the exemplars. Raises BadInputError naming the task and item

    - if an option does not fit the context length,
    - if the tokenizer turns an option into no tokens,
    - if two options with different target scores have the same tokens, or
    - if nothing stands before an option: its prompt is empty, and there is neither a beginning nor a start token.
    """
    unscored = _choose_unscored_tokens(tokenizer, beginning)
    drafts = [
        _write_draft(task, item_id, draw_exemplars(task, item_id, shot_count, seed), seed)
        for item_id in range(len(task.items))
    ]
    encoded: dict[int, EncodedItem] = {}
    while drafts:
        shortened = []
        for draft, item in zip(drafts, _encode_drafts(tokenizer, task, drafts, unscored), strict=True):
            # A sequence may have one token more than the context length, as the model does not read the last token.
            excess = max(len(option.token_ids) for option in item.options) - (context_length + 1)
            if excess > 0 and draft.exemplar_ids:
                shortened.append(_write_draft(task, draft.item_id, draft.exemplar_ids[1:], seed))
            else:
                encoded[draft.item_id] = _truncate(item, max(excess, 0), len(beginning), task, draft.item_id)
        drafts = shortened
    return EncodedTask(task, shot_count, seed, tuple(item for _, item in sorted(encoded.items())))


def count_tokens(tokenizer: PreTrainedTokenizerBase, requests: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Return the number of prompt tokens and the number of option tokens for each request (prompt, option).

    The prompt and the option are encoded as in ``encode_task``. If the tokenizer leaves no token of an option, its
    number is 0.
    """
    prompts = list(dict.fromkeys(prompt for prompt, _ in requests))
    contexts = dict(zip(prompts, encode_texts(tokenizer, [prompt.rstrip() for prompt in prompts]), strict=True))
    blanks = _encode_distinct(tokenizer, [add_leading_blank(prompt, option) for prompt, option in requests])
    texts = encode_texts(tokenizer, [prompt + option for prompt, option in requests])
    counts = []
    for (prompt, _), blank, tokens in zip(requests, blanks, texts, strict=True):
        if has_vanished(contexts[prompt], blank, tokens):
            counts.append((len(tokens), 0))
        else:
            first_target = _find_first_target(contexts[prompt], tokens)
            counts.append((first_target, len(tokens) - first_target))
    return counts


def find_start_token(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the token that begins a text, or None if the tokenizer has no such token.

    The result is the BOS token. If there is none, it is the EOS token, because a text begins after another text ends.
    """
    for token_id in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if isinstance(token_id, int):
            return token_id
    return None


def _choose_unscored_tokens(tokenizer: PreTrainedTokenizerBase, beginning: Sequence[int]) -> _UnscoredTokens:
    start_token = find_start_token(tokenizer)
    start = [] if start_token is None else [start_token]
    return _UnscoredTokens(np.asarray(beginning, np.int32), np.asarray(beginning or start, np.int32))


def _write_draft(task: Task, item_id: int, exemplar_ids: tuple[int, ...], seed: int) -> _Draft:
    return _Draft(item_id, exemplar_ids, write_prompt(task, item_id, exemplar_ids, seed), task.items[item_id].options)


def _encode_drafts(
    tokenizer: PreTrainedTokenizerBase, task: Task, drafts: Sequence[_Draft], unscored: _UnscoredTokens
) -> list[EncodedItem]:
    contexts = encode_texts(tokenizer, [draft.context for draft in drafts])
    pairs = [(draft.prompt, option) for draft in drafts for option in draft.options]
    blanks = iter(_encode_distinct(tokenizer, [add_leading_blank(prompt, option) for prompt, option in pairs]))
    endings = iter(encode_texts(tokenizer, [ending for draft in drafts for ending in draft.endings]))
    texts = iter(encode_texts(tokenizer, [draft.context + ending for draft in drafts for ending in draft.endings]))
    items = []
    for draft, context in zip(drafts, contexts, strict=True):
        location = f"task {task.task_id!r}, item {draft.item_id}"
        options = []
        for option in draft.options:
            text, ending = next(texts), next(endings)
            if has_vanished(context, next(blanks), text):
                raise BadInputError(
                    f"{location}: the tokenizer leaves no token of the option {option!r}",
                    "leave the task out for this model, or write the option with characters that its tokenizer keeps",
                )
            options.append(_build_option(context, text, ending, unscored, location))
        refuse_equal_options([option.token_ids for option in options], task.items[draft.item_id], location)
        items.append(EncodedItem(tuple(options), len(draft.exemplar_ids), 0))
    return items


def _encode_distinct(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Tokens]:
    """Return the tokens of each text. Equal texts are encoded once."""
    distinct = list(dict.fromkeys(texts))
    encoded = dict(zip(distinct, encode_texts(tokenizer, distinct), strict=True))
    return [encoded[text] for text in texts]


def _build_option(
    context: Tokens, text: Tokens, ending: Tokens, unscored: _UnscoredTokens, location: str
) -> EncodedOption:
    """Return an encoded option. If there is neither a prompt nor a beginning, the start token precedes the option.

    ``context`` holds the tokens of the prompt, ``text`` the tokens of the prompt with the option, and ``ending`` the
    tokens of the option alone. ``location`` names the task and the item in the error.

    Raises BadInputError if there is no prompt, no beginning of a text and no start token.
    """
    start = unscored.without_prompt
    unconditional = None if len(start) == 0 or len(ending) == 0 else np.concatenate([start, ending])
    first_target = _find_first_target(context, text)
    before = unscored.before_prompt if first_target > 0 else start
    if len(before) + first_target == 0:
        raise BadInputError(
            f"{location}: the prompt is empty, and the tokenizer has no token to begin a text with",
            "give the task a prefix or an input",
        )
    return EncodedOption(np.concatenate([before, text]), len(before) + first_target, unconditional)


def _find_first_target(context: Tokens, text: Tokens) -> int:
    """Return the index of the option's first token in ``text``, which holds the tokens of prompt and option.

    Usually this index is the number of prompt tokens. But the tokenizer may merge the option with the end of the
    prompt. In this case, the option begins with the first token of ``text`` that differs from ``context``. There is
    such a token, because options without a token of their own are refused before.
    """
    if len(context) < len(text):
        return len(context)
    shared = len(text) - 1
    different = np.flatnonzero(context[:shared] != text[:shared])
    return int(different[0]) if len(different) else shared


def _truncate(item: EncodedItem, excess: int, beginning_length: int, task: Task, item_id: int) -> EncodedItem:
    """Return the item after cutting the first ``excess`` tokens of its prompt.

    The beginning of a text has ``beginning_length`` tokens and is kept. If there is no beginning, at least one token
    of the prompt must be left. Raises BadInputError if an option does not fit.
    """
    if excess == 0:
        return item
    kept_count = max(beginning_length, 1)
    if excess + kept_count > min(option.first_target for option in item.options):
        longest = max(option.token_count for option in item.options)
        raise BadInputError(
            f"task {task.task_id!r}, item {item_id}: an option of {longest} tokens does not fit the model's context",
            "leave the task out for this model",
        )
    cut = slice(beginning_length, beginning_length + excess)
    options = tuple(
        replace(option, token_ids=np.delete(option.token_ids, cut), first_target=option.first_target - excess)
        for option in item.options
    )
    return EncodedItem(options, item.exemplar_count, excess)
