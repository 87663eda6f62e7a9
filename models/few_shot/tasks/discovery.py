"""Finding tasks: in directories, in files, in the packaged set, in lm-evaluation-harness."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.few_shot.tasks.bigbench import FILE_NAME, read_bigbench_task
from trailhouse.models.few_shot.tasks.harness import PREFIX, read_harness_tasks
from trailhouse.models.few_shot.tasks.jsonl import read_jsonl_task
from trailhouse.models.few_shot.tasks.miniature_tasks import miniature_tasks
from trailhouse.models.few_shot.tasks.task import Task

PACKAGED_SET = "miniature"


@dataclasses.dataclass(frozen=True)
class FoundTasks:
    """The tasks of all places, by name, and the files of tasks without options to choose from."""

    tasks: list[Task]
    skipped: list[Path]


def find_tasks(places: Sequence[str], *, repeat_task_prefix: bool = False) -> FoundTasks:
    """Read the tasks of every place: ``miniature``, a directory, a file, or ``lm-eval:NAME``.

    Below a directory, ``NAME/task.json`` and ``NAME.jsonl`` are tasks, ``NAME/SUBTASK/task.json`` is a subtask of
    NAME. Names beginning with a dot are left out. ``repeat_task_prefix`` writes the prefix of a task before every
    exemplar too.

    Errors: BadInputError naming file and field for a task that is wrong, for a place without tasks, and for two
    tasks of the same name; UsageError where no place is given.
    """
    if not places:
        raise UsageError("no tasks are given", "name a directory or file of tasks")
    found = FoundTasks([], [])
    for place in places:
        for task_id, source in _list_sources(place):
            tasks = _read_source(task_id, source)
            found.tasks.extend(tasks)
            if not tasks and isinstance(source, Path):
                found.skipped.append(source)
    if not found.tasks:
        raise BadInputError(f"{', '.join(places)}: holds no multiple-choice task", "give a directory that holds some")
    _refuse_repeated_names(found.tasks)
    if repeat_task_prefix:
        found.tasks[:] = [_repeat_prefix(task) for task in found.tasks]
    return FoundTasks(sorted(found.tasks, key=lambda task: task.task_id), found.skipped)


def _list_sources(place: str) -> Iterator[tuple[str, Path | Task | None]]:
    if place == PACKAGED_SET:
        yield from ((task.task_id, task) for task in miniature_tasks())
    elif place.startswith(PREFIX):
        yield place.removeprefix(PREFIX), None
    elif (path := Path(place)).is_dir():
        yield from _list_files(path)
    elif path.is_file() and (path.name == FILE_NAME or path.suffix == ".jsonl"):
        yield (path.resolve().parent.name if path.name == FILE_NAME else path.stem), path
    elif path.exists():
        raise BadInputError(f"{path}: files of this kind are not read", "give task.json or .jsonl files")
    else:
        raise BadInputError(f"{path}: there is no such file or directory", "check the path")


def _list_files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield every task file below a directory, in order, with the name its path gives the task."""
    files = (path for path in directory.rglob("*") if path.name == FILE_NAME or path.suffix == ".jsonl")
    for path in sorted(files):
        relative = path.relative_to(directory)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            parts = [*relative.parts[:-1]] if path.name == FILE_NAME else [*relative.parts[:-1], path.stem]
            if (directory / FILE_NAME).is_file():
                parts.insert(0, directory.resolve().name)
            yield ":".join(parts), path


def _read_source(task_id: str, source: Path | Task | None) -> list[Task]:
    """Return the tasks of a source: none where it asks for free text, several where it is a group of the harness."""
    if isinstance(source, Task):
        return [source]
    if source is None:
        return read_harness_tasks(task_id)
    if source.name == FILE_NAME:
        task = read_bigbench_task(source, task_id)
        return [] if task is None else [task]
    return [read_jsonl_task(source, task_id)]


def _repeat_prefix(task: Task) -> Task:
    return dataclasses.replace(task, prompt_format=dataclasses.replace(task.prompt_format, repeats_task_prefix=True))


def _refuse_repeated_names(tasks: Sequence[Task]) -> None:
    sources: dict[str, str] = {}
    for task in tasks:
        if task.task_id in sources:
            raise BadInputError(
                f"{sources[task.task_id]} and {task.source} are both called {task.task_id!r}", "rename one of them"
            )
        sources[task.task_id] = task.source
