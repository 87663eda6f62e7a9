"""This module reads tasks from JSONL files.

An optional first line describes the whole task. Each further line is an item.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks.bigbench import PromptFields
from trailhouse.models.few_shot.tasks.json_validation import read_bytes, validate_json
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem, check_item, check_task

# The prompt of a JSONL task lists the options only if the header asks for it. BIG-Bench lists them by default.
DEFAULT_FORMAT = PromptFormat(append_choices_to_input=False)


class Header(PromptFields):
    """The header of a JSONL file. It describes the whole task with the same fields as in BIG-Bench."""

    model_config = ConfigDict(strict=True, extra="forbid")

    description: str = ""
    keywords: list[str] = Field(default_factory=list)
    preferred_score: str = ""


class HeaderLine(BaseModel):
    """The first line of a file that has a header."""

    model_config = ConfigDict(strict=True, extra="forbid")

    task: Header


class ItemLine(BaseModel):
    """One item: the question, its options, and the index of the correct option, counted from 0."""

    model_config = ConfigDict(strict=True, extra="ignore")

    input: str
    options: list[str]
    answer: int = Field(ge=0)


def read_jsonl_task(path: Path, task_id: str) -> Task:
    """Return the task of a ``.jsonl`` file; blank lines are skipped.

    Raises BadInputError naming the file, the row and the field if a part of the file is unreadable, missing or wrong.
    """
    rows = [(number, row) for number, row in enumerate(read_bytes(path).split(b"\n"), start=1) if row.strip()]
    header = Header()
    if rows and _is_header(rows[0][1]):
        number, row = rows.pop(0)
        header = validate_json(HeaderLine, row, f"{path}, row {number}").task
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


def _read_item(row: bytes, location: str) -> TaskItem:
    line = validate_json(ItemLine, row, location)
    if line.answer >= len(line.options):
        raise BadInputError(
            f"{location}, answer: there is no option {line.answer}, there are {len(line.options)} options",
            "give the index of the correct option, counted from 0",
        )
    scores = tuple(float(index == line.answer) for index in range(len(line.options)))
    return check_item(TaskItem(line.input, tuple(line.options), scores), location, f"{location}, options")
