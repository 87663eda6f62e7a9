"""This module finds tasks in directories and files, in the miniature set, and in lm-evaluation-harness."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.few_shot.tasks.bigbench import FILE_NAME, read_bigbench_task
from trailhouse.models.few_shot.tasks.harness import PREFIX, read_harness_tasks
from trailhouse.models.few_shot.tasks.jsonl import read_jsonl_task
from trailhouse.models.few_shot.tasks.task import Task

PACKAGED_SET = "miniature"


@dataclasses.dataclass(frozen=True)
class FoundTasks:
    """The tasks that were found, and the files that were skipped."""

    tasks: list[Task]
    """The tasks that were found, sorted by name."""
    skipped: list[Path]
    """Files that were skipped because their tasks ask for free text."""
    broken: list[BadInputError] = dataclasses.field(default_factory=list)
    """What is wrong with files that hold no valid task. Each error names the file and the field."""


def find_tasks(sources: Sequence[str], *, repeat_task_prefix: bool = False) -> FoundTasks:
    """Return the tasks of all sources. A source is ``miniature``, a directory, a file, or ``lm-eval:NAME``.

    In a directory, ``NAME/task.json`` and ``NAME.jsonl`` are tasks, and ``NAME/SUBTASK/task.json`` is a subtask of
    NAME. Files and directories whose names begin with a dot are skipped. With ``repeat_task_prefix``, the prefix of
    each task is repeated before every exemplar.

    Raises BadInputError naming the file and field if a task is wrong, if a source has no tasks, or if two tasks have
    the same name. Raises UsageError if no source is given.
    """
    found = survey_tasks(sources, repeat_task_prefix=repeat_task_prefix)
    if found.broken:
        raise found.broken[0]
    return found


def survey_tasks(sources: Sequence[str], *, repeat_task_prefix: bool = False) -> FoundTasks:
    """Return the tasks of all sources, as ``find_tasks`` does, and the errors of the files that hold no valid task.

    Raises the other errors of ``find_tasks``. If every file is wrong, raises the error of the first one.
    """
    if not sources:
        raise UsageError("no tasks are given", "name a directory or file of tasks")
    found: list[Task] = []
    skipped: list[Path] = []
    broken: list[BadInputError] = []
    for source in sources:
        for task_id, reference in _list_references(source):
            try:
                tasks = _read_tasks(task_id, reference)
            except BadInputError as error:
                broken.append(error)
                continue
            found.extend(tasks)
            if not tasks and isinstance(reference, Path):
                skipped.append(reference)
    if broken and not found:
        raise broken[0]
    if not found:
        raise BadInputError(f"{', '.join(sources)}: holds no multiple-choice task", "give a directory that holds some")
    _refuse_repeated_names(found)
    if repeat_task_prefix:
        found = [_repeat_prefix(task) for task in found]
    return FoundTasks(sorted(found, key=lambda task: task.task_id), skipped, broken)


def require_sources(sources: Sequence[str]) -> None:
    """Raise BadInputError if a source is a path that does not exist or holds no file of a task. No task is read."""
    for source in sources:
        if source == PACKAGED_SET or source.startswith(PREFIX):
            continue
        if next(_list_references(source), None) is None:
            raise BadInputError(f"{source}: holds no file of a task", "give a directory with task.json or .jsonl files")


def _list_references(source: str) -> Iterator[tuple[str, Path | Task | None]]:
    """Yield (name, reference) for each task of a source.

    The reference is the task itself, the file of the task, or None if lm-evaluation-harness knows the task by its name.
    """
    if source == PACKAGED_SET:
        from trailhouse.models.few_shot.tasks.miniature_tasks import miniature_tasks  # its package loads torch

        yield from ((task.task_id, task) for task in miniature_tasks())
    elif source.startswith(PREFIX):
        yield source.removeprefix(PREFIX), None
    elif (path := Path(source)).is_dir():
        yield from _list_files(path)
    elif path.is_file() and (path.name == FILE_NAME or path.suffix == ".jsonl"):
        yield (path.resolve().parent.name if path.name == FILE_NAME else path.stem), path
    elif path.exists():
        raise BadInputError(f"{path}: files of this kind are not read", "give task.json or .jsonl files")
    else:
        raise BadInputError(f"{path}: there is no such file or directory", "check the path")


def _list_files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield (task name, file) for every task file in a directory and its subdirectories, sorted by path."""
    files = (path for path in directory.rglob("*") if path.name == FILE_NAME or path.suffix == ".jsonl")
    for path in sorted(files):
        relative = path.relative_to(directory)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            parts = [*relative.parts[:-1]] if path.name == FILE_NAME else [*relative.parts[:-1], path.stem]
            if (directory / FILE_NAME).is_file():
                parts.insert(0, directory.resolve().name)
            yield ":".join(parts), path


def _read_tasks(task_id: str, reference: Path | Task | None) -> list[Task]:
    """Return the tasks of a reference that ``_list_references`` yields.

    A file that asks for free text gives no task, and a group of lm-evaluation-harness gives several tasks.
    """
    if isinstance(reference, Task):
        return [reference]
    if reference is None:
        return read_harness_tasks(task_id)
    if reference.name == FILE_NAME:
        task = read_bigbench_task(reference, task_id)
        return [] if task is None else [task]
    return [read_jsonl_task(reference, task_id)]


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
