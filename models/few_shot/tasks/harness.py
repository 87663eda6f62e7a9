"""This module reads the multiple-choice tasks of lm-evaluation-harness, if that package is installed."""

from __future__ import annotations

from typing import Any

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem, check_item, check_task

PREFIX = "lm-eval:"


def read_harness_tasks(name: str) -> list[Task]:
    """Return the tasks that ``name`` stands for: a task, group or tag of the harness, or the path of a YAML file.

    The items are the documents that the harness evaluates. Exemplars are drawn from these documents too, as for all
    tasks in Trailhouse, although the harness may draw them from another split.

    Raises UsageError if the package is not installed. Raises BadInputError if the harness does not know the name, if a
    task is not multiple choice, or if its data cannot be loaded.
    """
    return [_read_task(task, name) for _, task in sorted(_load(name).items())]


def _read_task(task: Any, name: str) -> Task:  # noqa: ANN401  # the package that has the type may not be installed
    config = task.config
    location = f"task {config.task!r} of lm-evaluation-harness"
    if task.OUTPUT_TYPE != "multiple_choice":
        raise BadInputError(f"{location}: is {task.OUTPUT_TYPE}, not multiple_choice", "choose another task")
    for setting, is_used in (("multiple_input", task.multiple_input), ("gen_prefix", config.gen_prefix)):
        if is_used:
            raise BadInputError(f"{location}: its prompts use {setting}, which is not supported", "choose another task")
    prompt_format = PromptFormat(
        task_prefix=config.description or "",
        example_input_prefix="",
        example_output_prefix=config.target_delimiter,
        append_choices_to_input=False,  # if a harness task lists options, they are in its question already
        few_shot_example_separator=config.fewshot_delimiter,
    )
    items = [_read_item(task, document, f"{location}, document {i}") for i, document in enumerate(task.eval_docs)]
    return check_task(
        Task(
            task_id=str(config.task),
            description=f"{config.task} of lm-evaluation-harness",
            keywords=(),
            preferred_metric="acc",
            format="lm-evaluation-harness",
            source=name,
            prompt_format=prompt_format,
            items=tuple(items),
        ),
        location,
    )


def _load(name: str) -> dict[str, Any]:
    """Return the harness's tasks that ``name`` stands for, by task name."""
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise UsageError(
            f"the task {name!r} needs lm-evaluation-harness, which is not installed",
            "pip install 'trailhouse[lm-eval]'",
        ) from error
    try:
        tasks: dict[str, Any] = TaskManager().load([name])["tasks"]
    except Exception as error:  # the harness and its data sets raise errors of all kinds
        problem = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise BadInputError(
            f"lm-evaluation-harness cannot load {name!r}: {problem}",
            "check the name with `lm-eval ls tasks`, or the path of the YAML file",
        ) from error
    return tasks


def _read_item(task: Any, document: Any, location: str) -> TaskItem:  # noqa: ANN401  # as in _read_task
    options = tuple(str(option) for option in task.doc_to_choice(document))
    target = task.doc_to_target(document)
    if isinstance(target, str) and target in options:
        target = options.index(target)
    targets = target if isinstance(target, list) else [target]
    if not targets or not all(isinstance(index, int) and 0 <= index < len(options) for index in targets):
        raise BadInputError(f"{location}: the target {target!r} is no index of an option", "choose another task")
    scores = tuple(float(index in targets) for index in range(len(options)))
    item = TaskItem(str(task.doc_to_text(document)), options, scores)
    return check_item(item, location, f"{location}, options")
