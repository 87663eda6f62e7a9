"""Reading tasks from JSONL: one item a line, an optional first line with what holds for the whole task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks.bigbench import (
    PromptFields,
    explain_mistake,
    read_task_file,
    refuse_repeated_names,
)
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem, check_item, check_task

Model = TypeVar("Model", bound=BaseModel)
# Plain lines ask for a plain prompt: the options are not listed
DEFAULT_FORMAT = PromptFormat(append_choices_to_input=False)


class Header(PromptFields):
    """What holds for the whole task; the fields are those of BIG-Bench."""

    model_config = ConfigDict(strict=True, extra="forbid")

    description: str = ""
    keywords: list[str] = Field(default_factory=list)
    preferred_score: str = ""


class Line(BaseModel):
    """One item: the question, its options, and the ordinal of the right one, from 0."""

    model_config = ConfigDict(strict=True, extra="ignore")

    input: str
    options: list[str]
    answer: int = Field(ge=0)


class HeaderLine(BaseModel):
    """The first line of a file that has a header."""

    model_config = ConfigDict(strict=True, extra="forbid")

    task: Header


def read_jsonl_task(path: Path, task_id: str) -> Task:
    """Read one task from a ``.jsonl`` file; blank lines are skipped.

    Errors: BadInputError naming the file, the row and the field for anything unreadable, missing or wrong.
    """
    rows = [(number, row) for number, row in enumerate(read_task_file(path).split(b"\n"), start=1) if row.strip()]
    header = Header()
    if rows and _is_header(rows[0][1]):
        number, row = rows.pop(0)
        header = _validate(HeaderLine, row, f"{path}, row {number}").task
    items = [_read_item(row, f"{path}, row {number}") for number, row in rows]
    if not items:
        raise BadInputError(f"{path}: holds no items", "write one JSON object with input, options and answer per line")
    task = Task(
        task_id=task_id,
        description=header.description,
        keywords=tuple(header.keywords),
        preferred_metric=header.preferred_score,
        format="jsonl",
        source=str(path),
        prompt_format=header.build(DEFAULT_FORMAT),
        items=tuple(items),
    )
    return check_task(task, str(path))


def _is_header(row: bytes) -> bool:
    try:
        content = json.loads(row)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "task" in content and "input" not in content


def _read_item(row: bytes, place: str) -> TaskItem:
    line = _validate(Line, row, place)
    if line.answer >= len(line.options):
        raise BadInputError(
            f"{place}, answer: {line.answer} is no ordinal of {len(line.options)} options", "count them from 0"
        )
    scores = tuple(float(index == line.answer) for index in range(len(line.options)))
    return check_item(TaskItem(line.input, tuple(line.options), scores), place, f"{place}, options")


def _validate(model: type[Model], row: bytes, place: str) -> Model:
    try:
        content = model.model_validate_json(row)
    except ValidationError as error:
        raise explain_mistake(error, place) from error
    refuse_repeated_names(row, place)
    return content
