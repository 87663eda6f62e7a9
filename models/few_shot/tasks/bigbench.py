"""This module reads the JSON tasks of BIG-Bench (Srivastava et al. 2022)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks.json_validation import read_bytes, validate_json
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem, check_item, check_task

FILE_NAME = "task.json"

Score = Annotated[float, Field(allow_inf_nan=False, ge=-1e30, le=1e30)]


class PromptFields(BaseModel):
    """The fields of a task file that determine the form of its prompts. A field that is null counts as absent."""

    model_config = ConfigDict(strict=True, extra="ignore")

    task_prefix: str | None = None
    example_input_prefix: str | None = None
    example_output_prefix: str | None = None
    choice_prefix: str | None = None
    append_choices_to_input: bool | None = None
    few_shot_example_separator: str | None = None
    stop_string: str | None = None

    def build(self, defaults: PromptFormat) -> PromptFormat:
        """Return the prompt format, with the values of ``defaults`` for absent fields."""
        given = {name: getattr(self, name) for name in PromptFields.model_fields}
        return PromptFormat(**{**vars(defaults), **{name: value for name, value in given.items() if value is not None}})


class Example(BaseModel):
    """One entry of ``examples`` in ``task.json``. An entry without target scores asks for free text."""

    model_config = ConfigDict(strict=True, extra="ignore")

    input: str
    target_scores: dict[str, Score] | None = None


class TaskFile(PromptFields):
    """The fields of ``task.json`` that Trailhouse uses; all others are ignored."""

    description: str = ""
    keywords: list[str] = Field(default_factory=list)
    preferred_score: str = ""
    examples: list[Example]


def read_bigbench_task(path: Path, task_id: str) -> Task | None:
    """Return the task of one ``task.json``, or None if all its examples ask for free text.

    Raises BadInputError naming the file and the field if a part of the file is unreadable, missing or of a wrong type.
    """
    content = validate_json(TaskFile, read_bytes(path), str(path))
    if content.examples and all(example.target_scores is None for example in content.examples):
        return None
    items = [_build_item(example, f"{path}, examples[{index}]") for index, example in enumerate(content.examples)]
    task = Task(
        task_id=task_id,
        description=content.description,
        keywords=tuple(content.keywords),
        preferred_metric=content.preferred_score,
        format="bigbench",
        source=str(path),
        prompt_format=content.build(PromptFormat()),
        items=tuple(items),
    )
    return check_task(task, str(path))


def _build_item(example: Example, location: str) -> TaskItem:
    if example.target_scores is None:
        raise BadInputError(f"{location}.target_scores: this field is missing", "give every example target scores")
    item = TaskItem(example.input, tuple(example.target_scores), tuple(example.target_scores.values()))
    return check_item(item, location, f"{location}.target_scores")
