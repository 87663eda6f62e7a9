"""This module defines multiple-choice tasks: their items, options, prompt format and identity.

It builds the rows of ``raw_task`` and ``raw_task_item``. Other modules read tasks from files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

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
EXEMPLAR_RULE = 2  # version 1 drew exemplars from all other items, also from those with the item's own question


@dataclass(frozen=True)
class PromptFormat:
    """How a prompt is written from an item.

    All fields except ``repeats_task_prefix`` have the names and the defaults of BIG-Bench's JSON tasks.
    """

    task_prefix: str = ""
    """Text at the beginning of the prompt."""
    example_input_prefix: str = "\nQ: "
    example_output_prefix: str = "\nA: "
    choice_prefix: str = "\n  choice: "
    append_choices_to_input: bool = True
    """Whether a list of the options follows the question. The list has a random order, which depends on the item."""
    few_shot_example_separator: str = "\n"
    stop_string: str = ""
    """Text that ends a generated answer. It is stored but not used, because Trailhouse generates no answers."""
    repeats_task_prefix: bool = False
    """Whether the task prefix is repeated before every exemplar."""


@dataclass(frozen=True)
class TaskItem:
    """One question with its options, and a target score for each option.

    The option with the highest target score is correct. If several options have this score, all of them are correct.
    """

    input: str
    options: tuple[str, ...]
    target_scores: tuple[float, ...]

    @property
    def answer(self) -> str:
        """The correct option. If several options are correct, it is the first of them in the file."""
        return self.options[self.target_scores.index(max(self.target_scores))]


@dataclass(frozen=True)
class Task:
    """A multiple-choice task; the id of an item is its index in ``items``."""

    task_id: str
    """``TASK`` or ``TASK:SUBTASK``."""
    description: str
    keywords: tuple[str, ...]
    preferred_metric: str
    format: str
    """The kind of source: bigbench, jsonl, lm-evaluation-harness or miniature."""
    source: str
    prompt_format: PromptFormat
    items: tuple[TaskItem, ...]

    @property
    def parent_task_id(self) -> str:
        """The id of the task to which this subtask belongs, or the task's own id if it is not a subtask."""
        return self.task_id.partition(":")[0]

    @property
    def option_count(self) -> int:
        """Total number of options of all items."""
        return sum(len(item.options) for item in self.items)

    @property
    def random_accuracy(self) -> float:
        """The expected accuracy of random choices: the mean of (correct options / options) over all items."""
        shares = [item.target_scores.count(max(item.target_scores)) / len(item.target_scores) for item in self.items]
        return sum(shares) / len(shares)

    @cached_property
    def question_counts(self) -> Counter[str]:
        """The number of items with each question, by the question without surrounding white space."""
        return Counter(item.input.strip() for item in self.items)

    def repeats_one_question(self) -> bool:
        """Return whether every item has the same question, which is then an instruction rather than a question."""
        return len(self.question_counts) == 1

    def count_exemplars(self, item_id: int) -> int:
        """Return the number of items that can be exemplars of an item.

        The item itself is none, nor is an item with the same question and other options, because its answer would tell
        the model about the item. If every item has the same question, it is an instruction and tells nothing.
        """
        if self.repeats_one_question():
            return len(self.items) - 1
        return len(self.items) - self.question_counts[self.items[item_id].input.strip()]

    def is_exemplar(self, candidate_id: int, item_id: int) -> bool:
        """Return whether an item can be an exemplar of another item, see ``count_exemplars``."""
        if self.repeats_one_question():
            return candidate_id != item_id
        return self.items[candidate_id].input.strip() != self.items[item_id].input.strip()

    def exemplar_record(self, shot_count: int) -> dict[str, int]:
        """Return what the exemplars add to the key of an evaluation: nothing, unless questions of the task repeat.

        An earlier version drew exemplars with the item's own question. Its scores must not be taken for those of
        prompts without them.
        """
        can_differ = shot_count > 0 and 1 < len(self.question_counts) < len(self.items)
        return {"exemplar_rule": EXEMPLAR_RULE} if can_differ else {}

    @property
    def maximum_shots(self) -> int:
        """The largest number of exemplars that can be drawn for every item."""
        return min(self.count_exemplars(item_id) for item_id in range(len(self.items)))

    @cached_property
    def task_sha256(self) -> str:
        """SHA-256 of the task's id, prompt format and items. It identifies the content of the task."""
        items = [[item.input, item.options, item.target_scores] for item in self.items]
        content = [self.task_id, dataclasses.asdict(self.prompt_format), items]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def check_task(task: Task, location: str) -> Task:
    """Return the task if it can be evaluated. This function does not check each item, because ``check_item`` does.

    Raises BadInputError naming ``location``, usually a file, if the task's id is not valid, if the task has no items,
    or if a text is not valid Unicode.
    """
    for part in task.task_id.split(":"):
        if not NAME_PATTERN.fullmatch(part):
            raise BadInputError(
                f"{location}: {task.task_id!r} is no name for a task",
                "use letters, digits, dots, hyphens and underscores",
            )
    if not task.items:
        raise BadInputError(f"{location}, examples: the task has no items", "add at least one")
    for text in (task.description, *task.keywords, *dataclasses.astuple(task.prompt_format)):
        if isinstance(text, str):
            _refuse_invalid_unicode(text, location)
    return task


def check_item(item: TaskItem, location: str, options_location: str) -> TaskItem:
    """Return the item if it can be evaluated.

    ``location`` says where the item is in its file, and ``options_location`` says where the item's options are.
    Several options may be correct, as in BIG-Bench. But if all options or none were correct, the model's choice
    would show nothing about the model.

    Raises BadInputError naming the location

    - if there are fewer than two or more than 32,768 options,
    - if all options or none are correct,
    - if an option is empty or occurs twice, or
    - if a text is not valid Unicode.
    """
    if not 2 <= len(item.options) <= MAXIMUM_OPTIONS:
        raise BadInputError(f"{options_location}: there are {len(item.options)}", "give every item two options or more")
    if "" in item.options:
        raise BadInputError(f"{options_location}[{item.options.index('')}]: the option is empty", "give it a text")
    if len(set(item.options)) < len(item.options):
        raise BadInputError(f"{options_location}: two are the same", "write every option once")
    if max(item.target_scores) <= 0:
        raise BadInputError(
            f"{options_location}: no option is right", "score the right options above 0, or drop the item"
        )
    if min(item.target_scores) == max(item.target_scores):
        raise BadInputError(f"{options_location}: all options are right", "score wrong options lower, or drop the item")
    for text in (item.input, *item.options):
        _refuse_invalid_unicode(text, location)
    return item


def task_record(task: Task) -> dict[str, str | int | list[str]]:
    """Return the task's row of ``raw_task``, without ``updated_at``."""
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
    """Return the task's rows of ``raw_task_item``, one row per option in order, without ``task_id``."""
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


def _refuse_invalid_unicode(text: str, location: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInputError(f"{location}: holds half a surrogate pair", "write the text as valid Unicode") from error
