"""Multiple-choice tasks as they are evaluated: items, options, the form of the prompt, and their identity.

Owns the rows of ``raw_task`` and ``raw_task_item``. Where a task comes from is the business of its readers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from trailhouse.errors import BadInputError

TASK_ITEM_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.int32(), nullable=False),
        pa.field("option_index", pa.int16(), nullable=False),
        pa.field("input", pa.string(), nullable=False),
        pa.field("option_text", pa.string(), nullable=False),
        pa.field("target_score", pa.float32(), nullable=False),
        pa.field("is_correct", pa.bool_(), nullable=False),
        pa.field("task_sha256", pa.string(), nullable=False),
    ]
)
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MAXIMUM_OPTIONS = 1 << 15


@dataclass(frozen=True)
class PromptFormat:
    """How an item becomes a prompt; names and defaults are those of BIG-Bench's JSON tasks."""

    task_prefix: str = ""
    """Stands once at the beginning."""
    example_input_prefix: str = "\nQ: "
    example_output_prefix: str = "\nA: "
    choice_prefix: str = "\n  choice: "
    append_choices_to_input: bool = True
    """Whether the options are listed after the question, in an order drawn anew for every item."""
    few_shot_example_separator: str = "\n"
    stop_string: str = ""
    """Ends a freely written answer; kept for the record, since an option has an end of its own."""
    repeats_task_prefix: bool = False
    """Whether the task prefix stands before every exemplar as well."""


@dataclass(frozen=True)
class TaskItem:
    """One question with its options and how right each of them is."""

    input: str
    options: tuple[str, ...]
    target_scores: tuple[float, ...]

    @property
    def answer(self) -> str:
        """The right option; the first in the order of the file where several are equally right."""
        return self.options[self.target_scores.index(max(self.target_scores))]


@dataclass(frozen=True)
class Task:
    """A multiple-choice task; an item is known by its ordinal, from 0."""

    task_id: str
    """``task`` or ``task:subtask``."""
    description: str
    keywords: tuple[str, ...]
    preferred_metric: str
    format: str
    """bigbench, jsonl, lm-evaluation-harness or miniature."""
    source: str
    prompt_format: PromptFormat
    items: tuple[TaskItem, ...]

    @property
    def parent_task_id(self) -> str:
        """The task a subtask belongs to; the task itself where it is none."""
        return self.task_id.partition(":")[0]

    @property
    def option_count(self) -> int:
        """Options of all items together."""
        return sum(len(item.options) for item in self.items)

    @property
    def random_accuracy(self) -> float:
        """Accuracy of choosing at random: the mean over items of right options over options."""
        shares = [item.target_scores.count(max(item.target_scores)) / len(item.target_scores) for item in self.items]
        return sum(shares) / len(shares)

    @cached_property
    def task_sha256(self) -> str:
        """SHA-256 over all that decides prompts and options: equal exactly where these are."""
        items = [[item.input, item.options, item.target_scores] for item in self.items]
        content = [self.task_id, dataclasses.asdict(self.prompt_format), items]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def check_task(task: Task, place: str) -> Task:
    """Return a task that can be evaluated; its items are checked by ``check_item``.

    Errors: BadInputError naming ``place`` and the field where there are no items, a text is not valid Unicode, or the
    name is no name.
    """
    for part in task.task_id.split(":"):
        if not NAME_PATTERN.fullmatch(part):
            raise BadInputError(
                f"{place}: {task.task_id!r} is no name for a task", "use letters, digits, dots, hyphens and underscores"
            )
    if not task.items:
        raise BadInputError(f"{place}, examples: the task has no items", "add at least one")
    for text in (task.description, *task.keywords, *dataclasses.astuple(task.prompt_format)):
        if isinstance(text, str):
            _refuse_invalid_unicode(text, place)
    return task


def check_item(item: TaskItem, place: str, options_place: str) -> TaskItem:
    """Return an item that can be evaluated; the places are those of item and options in the file they stand in.

    Several options may be right, as in BIG-Bench, but not none and not all: such an item would be answered by chance.

    Errors: BadInputError naming the place where an item has fewer than two options, none or all of them are right, an
    option is empty or occurs twice, or a text is not valid Unicode.
    """
    if not 2 <= len(item.options) <= MAXIMUM_OPTIONS:
        raise BadInputError(f"{options_place}: there are {len(item.options)}", "give every item two options or more")
    if "" in item.options:
        raise BadInputError(f"{options_place}[{item.options.index('')}]: the option is empty", "give it a text")
    if len(set(item.options)) < len(item.options):
        raise BadInputError(f"{options_place}: two are the same", "write every option once")
    if max(item.target_scores) <= 0:
        raise BadInputError(f"{options_place}: no option is right", "score the right options above 0, or drop the item")
    if min(item.target_scores) == max(item.target_scores):
        raise BadInputError(f"{options_place}: all options are right", "score wrong options lower, or drop the item")
    for text in (item.input, *item.options):
        _refuse_invalid_unicode(text, place)
    return item


def task_record(task: Task) -> dict[str, Any]:
    """Return the row of ``raw_task`` without ``updated_at``."""
    return {
        "task_id": task.task_id,
        "parent_task_id": task.parent_task_id,
        "description": task.description,
        "keywords": list(task.keywords),
        "preferred_metric": task.preferred_metric,
        "format": task.format,
        "source": task.source,
        "prompt_format": json.dumps(dataclasses.asdict(task.prompt_format), ensure_ascii=False),
        "item_count": len(task.items),
        "option_count": task.option_count,
        "task_sha256": task.task_sha256,
    }


def task_item_table(task: Task) -> pa.Table:
    """Return the rows of ``raw_task_item`` without ``task_id``: one per option, in order."""
    rows = [
        {
            "item_id": item_id,
            "option_index": option_index,
            "input": item.input,
            "option_text": option,
            "target_score": score,
            "is_correct": score == max(item.target_scores),
            "task_sha256": task.task_sha256,
        }
        for item_id, item in enumerate(task.items)
        for option_index, (option, score) in enumerate(zip(item.options, item.target_scores, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=TASK_ITEM_SCHEMA)


def _refuse_invalid_unicode(text: str, place: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInputError(f"{place}: holds half a surrogate pair", "write the text as valid Unicode") from error
