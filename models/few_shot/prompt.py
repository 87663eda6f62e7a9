"""This module writes prompts: it draws the exemplars that precede an item, and writes the text that the model reads.

A prompt with two exemplars consists of these parts::

    prompt      task prefix + exemplar + separator + exemplar + separator + question of the item
    exemplar    question + answer
    question    input prefix + input + list of options, if the task has one + output prefix
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from trailhouse.errors import UsageError
from trailhouse.models.few_shot.tasks.task import Task


def draw_exemplars(task: Task, item_id: int, shot_count: int, seed: int) -> tuple[int, ...]:
    """Return the item ids of an item's exemplars, drawn without replacement from the other items of the task.

    An item with the same question and other options is never an exemplar, see ``Task.count_exemplars``. The exemplars
    depend only on the task's name, the item and the seed. A larger ``shot_count``
    gives the exemplars of a smaller ``shot_count`` first, and then further exemplars.

    Raises UsageError if the task has too few items.
    """
    if not 0 <= shot_count <= task.count_exemplars(item_id):
        raise UsageError(
            f"{shot_count} exemplars are asked for, and item {item_id} of task {task.task_id!r} has"
            f" {task.count_exemplars(item_id)} with another question",
            f"ask for 0 to {task.maximum_shots} shots",
        )
    generator = random.Random(f"{task.task_id}\n{item_id}\n{seed}")  # noqa: S311  # reproducible, not secret
    drawn: dict[int, None] = {}
    while len(drawn) < shot_count:
        candidate = generator.randrange(len(task.items))
        if task.is_exemplar(candidate, item_id):
            drawn[candidate] = None
    return tuple(drawn)


def write_prompt(task: Task, item_id: int, exemplar_ids: Sequence[int], seed: int) -> str:
    """Return the prompt of an item with the given exemplars, in the form that BIG-Bench uses."""
    form = task.prompt_format
    prefix = form.task_prefix if form.repeats_task_prefix else ""
    parts = [
        f"{prefix}{write_question(task, exemplar_id, seed)}{task.items[exemplar_id].answer}"
        for exemplar_id in exemplar_ids
    ]
    parts.append(prefix + write_question(task, item_id, seed))
    beginning = "" if form.repeats_task_prefix else form.task_prefix
    return beginning + form.few_shot_example_separator.join(parts)


def write_question(task: Task, item_id: int, seed: int) -> str:
    """Return the question of an item, without its answer.

    If the question lists the options, their order is random. It does not depend on their order in the task's file.
    """
    form, item = task.prompt_format, task.items[item_id]
    choices = ""
    if form.append_choices_to_input:
        generator = random.Random(f"{task.task_id}\n{item_id}\n{seed}\noptions")  # noqa: S311  # reproducible
        order = generator.sample(sorted(item.options), len(item.options))
        choices = "".join(form.choice_prefix + option for option in order)
    return f"{form.example_input_prefix}{item.input}{choices}{form.example_output_prefix}"
