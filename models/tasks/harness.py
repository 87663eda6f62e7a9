"""Tasks of lm-evaluation-harness, where that package is installed: the multiple-choice ones, as they are declared."""

from __future__ import annotations

from typing import Any

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.tasks.task import PromptFormat, Task, TaskItem, check_task

PREFIX = "lm-eval:"


def read_harness_task(name: str) -> Task:
    """Read one task by the name the harness gives it, or from a YAML file of the harness's format.

    The items are the documents the harness evaluates. Exemplars are drawn from them as for every task, where the
    harness may draw them from another split.

    Errors: UsageError where the package is not installed or does not know the task; BadInputError where the task
    is not multiple choice or its data cannot be loaded.
    """
    task = _load(name)
    place = f"task {name!r} of lm-evaluation-harness"
    if task.OUTPUT_TYPE != "multiple_choice":
        raise BadInputError(f"{place}: is {task.OUTPUT_TYPE}, not multiple_choice", "choose another task")
    config = task.config
    form = PromptFormat(
        task_prefix=config.description or "",
        example_input_prefix="",
        example_output_prefix=config.target_delimiter,
        append_choices_to_input=False,  # where the harness lists them, they are part of the question
        few_shot_example_separator=config.fewshot_delimiter,
    )
    return check_task(
        Task(
            task_id=str(config.task),
            description=f"{config.task} of lm-evaluation-harness",
            keywords=(),
            preferred_metric="acc",
            format="lm-evaluation-harness",
            source=name,
            prompt_format=form,
            items=tuple(_read_item(task, document, place) for document in task.eval_docs),
        ),
        place,
    )


def _load(name: str) -> Any:  # noqa: ANN401  # an object of a package that may be absent
    try:
        from lm_eval.tasks import TaskManager, get_task_dict
    except ImportError as error:
        raise UsageError(
            f"the task {name!r} needs lm-evaluation-harness, which is not installed", "pip install lm-eval"
        ) from error
    try:
        (task,) = get_task_dict([name], TaskManager()).values()
    except Exception as error:  # whatever the harness and its data sets trip over
        problem = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise BadInputError(f"lm-evaluation-harness cannot load {name!r}: {problem}", "check the name") from error
    return task


def _read_item(task: Any, document: Any, place: str) -> TaskItem:  # noqa: ANN401  # as above
    options = tuple(str(option) for option in task.doc_to_choice(document))
    target = task.doc_to_target(document)
    if not isinstance(target, int) or not 0 <= target < len(options):
        raise BadInputError(f"{place}: the target {target!r} is no ordinal of an option", "choose another task")
    scores = tuple(float(index == target) for index in range(len(options)))
    return TaskItem(str(task.doc_to_text(document)), options, scores)
