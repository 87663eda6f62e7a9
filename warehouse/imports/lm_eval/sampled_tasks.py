"""This module reconstructs tasks of lm-evaluation-harness from samples files.

A run may evaluate only some items of a task, so a samples file may lack items. If two files agree on the items that
occur in both, the task has the items of both files. If the files differ in an item, they hold two versions of the task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.imports.lm_eval.samples_files import SampledItem, SampleSettings
from trailhouse.warehouse.loading.catalogue import Record

# Prefix of the task_id of an imported task. The slash distinguishes an imported task from a task in Trailhouse's own
# task files, because the task_id of a task in these files has no slash.
PREFIX = "lm-eval/"
FORMAT = "lm-evaluation-harness samples"

ItemContent = tuple[tuple[str, bool], ...]
"""The options of an item. Each option is a pair of its text and whether it is correct."""


@dataclass(frozen=True)
class SampledTask:
    """A task of lm-evaluation-harness, with the items that occur in the imported samples files."""

    task_id: str
    task_version: str
    task_sha256: str
    questions: Mapping[int, str]
    """Question by item_id."""
    contents: Mapping[int, ItemContent]
    """Options by item_id."""

    def find_difference(self, version: str, items: Sequence[SampledItem]) -> SampledItem | None:
        """Return the first item of ``items`` whose question or options differ from those of the same item in this task.

        Returns None if no item differs. An item that this task lacks does not count as different. If this task has
        another version than ``version``, all items count as different, and the first item is returned.
        """
        if version != self.task_version:
            return items[0]
        return next((item for item in items if item.item_id in self.contents and self._differs(item)), None)

    def _differs(self, item: SampledItem) -> bool:
        """Return whether an item of this task has another question or other options in a samples file.

        A question that ends with the other counts as the same: how much of the text before it is recognised as
        exemplars depends on their number.
        """
        ours, theirs = self.questions[item.item_id], item.question
        is_same_question = ours.endswith(theirs) or theirs.endswith(ours)
        return not is_same_question or self.contents[item.item_id] != describe(item)

    def join(self, items: Sequence[SampledItem]) -> SampledTask:
        """Return a copy of the task to which ``items`` are added.

        The task_sha256 does not change, so that older scores remain valid.
        """
        return SampledTask(
            self.task_id,
            self.task_version,
            self.task_sha256,
            {**{item.item_id: item.question for item in items}, **self.questions},
            {**{item.item_id: describe(item) for item in items}, **self.contents},
        )


def describe(item: SampledItem) -> ItemContent:
    """Return the options of an item in the form in which the items of two files are compared."""
    return tuple((option.text, option.is_correct) for option in item.options)


def name_task(task_name: str) -> str:
    """Return the task_id for a task of the harness."""
    return f"{PREFIX}{task_name}"


def begin_task(settings: SampleSettings, items: Sequence[SampledItem]) -> SampledTask:
    """Return a new task with the items of one samples file; task_sha256 is computed from these items."""
    task_id = name_task(settings.task_name)
    contents = {item.item_id: describe(item) for item in items}
    identity = json.dumps([task_id, settings.task_version, sorted(contents.items())], separators=(",", ":"))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return SampledTask(
        task_id, settings.task_version, digest, {item.item_id: item.question for item in items}, contents
    )


def read_sampled_task(client: Client, task_id: str) -> SampledTask | None:
    """Read a task that an earlier import wrote to the warehouse; None if the warehouse has no such task."""
    task = client.query(
        "select toString(task_sha256), prompt_format from raw_task final where task_id = {task_id:String}",
        parameters={"task_id": task_id},
    ).result_rows
    if not task:
        return None
    task_sha256, prompt_format = task[0]
    rows = client.query(
        "select item_id, any(input), arraySort(groupArray((option_index, option_text, is_correct))) as options"
        " from raw_task_item where task_id = {task_id:String} and task_sha256 = {task_sha256:String} group by item_id",
        parameters={"task_id": task_id, "task_sha256": task_sha256},
    ).result_rows
    return SampledTask(
        task_id,
        str(json.loads(prompt_format).get("task_version", "")),
        task_sha256,
        {item_id: question for item_id, question, _ in rows},
        {item_id: tuple((text, bool(is_correct)) for _, text, is_correct in options) for item_id, _, options in rows},
    )


def task_record(task: SampledTask, settings: SampleSettings) -> Record:
    """Return the row of raw_task for a task. The column ``updated_at`` is not part of the row."""
    form = {
        "task_version": task.task_version,
        "task_prefix": settings.description,
        "example_output_prefix": settings.target_delimiter,
        "few_shot_example_separator": settings.fewshot_delimiter,
    }
    return {
        "task_id": task.task_id,
        "parent_task_id": task.task_id,
        "description": f"{settings.task_name} of lm-evaluation-harness, known from its samples",
        "keywords": [],
        "preferred_metric": "acc",
        "format": FORMAT,
        "source": "lm_eval --log_samples",
        "prompt_format": json.dumps(form, ensure_ascii=False),
        "item_count": len(task.contents),
        "option_count": sum(len(content) for content in task.contents.values()),
        "task_sha256": task.task_sha256,
    }


def task_item_rows(task: SampledTask) -> list[dict[str, object]]:
    """Return the rows of raw_task_item for a task, one row per option, ordered by item and option.

    The column ``task_id`` is not part of the rows.
    """
    return [
        {
            "item_id": item_id,
            "option_index": option_index,
            "input": task.questions[item_id],
            "option_text": text,
            "target_score": float(is_correct),
            "is_correct": is_correct,
            "task_sha256": task.task_sha256,
        }
        for item_id, content in sorted(task.contents.items())
        for option_index, (text, is_correct) in enumerate(content)
    ]
