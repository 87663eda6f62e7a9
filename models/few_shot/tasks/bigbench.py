"""Reading BIG-Bench's JSON tasks (Srivastava et al. 2022), every mistake named with its file and field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem, check_item, check_task

FILE_NAME = "task.json"
MAXIMUM_FILE_BYTES = 1 << 28

Score = Annotated[float, Field(allow_inf_nan=False, ge=-1e30, le=1e30)]


class PromptFields(BaseModel):
    """The fields of a task file that shape its prompts; null counts as absent."""

    model_config = ConfigDict(strict=True, extra="ignore")

    task_prefix: str | None = None
    example_input_prefix: str | None = None
    example_output_prefix: str | None = None
    choice_prefix: str | None = None
    append_choices_to_input: bool | None = None
    few_shot_example_separator: str | None = None
    stop_string: str | None = None

    def build(self, defaults: PromptFormat) -> PromptFormat:
        """Return the format, with defaults where the file says nothing."""
        given = {name: getattr(self, name) for name in PromptFields.model_fields}
        return PromptFormat(**{**vars(defaults), **{name: value for name, value in given.items() if value is not None}})


class Example(BaseModel):
    """One entry of ``examples``; without target scores it asks for free text."""

    model_config = ConfigDict(strict=True, extra="ignore")

    input: str
    target_scores: dict[str, Score] | None = None


class TaskFile(PromptFields):
    """The fields of ``task.json`` that are used; others are left alone."""

    description: str = ""
    keywords: list[str] = Field(default_factory=list)
    preferred_score: str = ""
    examples: list[Example]


def read_bigbench_task(path: Path, task_id: str) -> Task | None:
    """Read one ``task.json``; None where no example of it has options to choose from.

    Errors: BadInputError naming the file and the field for anything unreadable, missing or of a wrong type.
    """
    raw = read_task_file(path)
    try:
        content = TaskFile.model_validate_json(raw)
    except ValidationError as error:
        raise explain_mistake(error, str(path)) from error
    refuse_repeated_names(raw, str(path))
    if content.examples and all(example.target_scores is None for example in content.examples):
        return None
    items = []
    for index, example in enumerate(content.examples):
        if example.target_scores is None:
            raise BadInputError(
                f"{path}, examples[{index}].target_scores: this field is missing", "give every example target scores"
            )
        item = TaskItem(example.input, tuple(example.target_scores), tuple(example.target_scores.values()))
        place = f"{path}, examples[{index}]"
        items.append(check_item(item, place, f"{place}.target_scores"))
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


def read_task_file(path: Path) -> bytes:
    """Return the content of a task file.

    Errors: BadInputError where it cannot be read, or is too large to be one.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_FILE_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the file's permissions") from error
    if len(content) > MAXIMUM_FILE_BYTES:
        raise BadInputError(f"{path}: larger than {MAXIMUM_FILE_BYTES >> 20} MiB", "split the task into subtasks")
    return content.removeprefix(b"\xef\xbb\xbf")


class Members(list[tuple[str, object]]):
    """The members of a JSON object as they stand there, those of one name side by side."""


def refuse_repeated_names(raw: bytes, place: str) -> None:
    """Raise BadInputError naming the object that says a name twice; a mapping would keep the last of them unseen.

    ``raw`` is JSON that was read without a mistake.
    """
    # Numbers stay text: long ones are slow to read, and the longest refused
    content = json.loads(raw.decode(errors="replace"), object_pairs_hook=Members, parse_int=str, parse_float=str)
    found = find_repeated_name(content, ())
    if found is not None:
        field, name = write_field(found[0]), found[1]
        raise BadInputError(f"{place}{', ' if field else ''}{field}: {name!r} is said twice", "say every name once")


def find_repeated_name(value: object, location: tuple[int | str, ...]) -> tuple[tuple[int | str, ...], str] | None:
    """Return where the first object is that says a name twice, and the name."""
    members: Iterable[tuple[int | str, object]] = ()
    if isinstance(value, Members):
        seen: set[str] = set()
        for name, _ in value:
            if name in seen:
                return location, name
            seen.add(name)
        members = value
    elif isinstance(value, list):
        members = enumerate(value)
    for part, inner in members:
        if isinstance(inner, list) and (found := find_repeated_name(inner, (*location, part))) is not None:
            return found
    return None


def explain_mistake(error: ValidationError, place: str) -> BadInputError:
    """Return the error that names the file, the field and what is wrong with it."""
    problem = error.errors(include_url=False, include_input=False)[0]
    field = write_field(problem["loc"])
    message = problem["msg"].replace("\n", " ")
    return BadInputError(f"{place}{', ' if field else ''}{field}: {message}", "correct the field, see docs/tasks.md")


def write_field(location: Sequence[int | str]) -> str:
    """Return the path of a field as a person writes it: ``examples[3].input``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text
