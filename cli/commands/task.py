"""``trailhouse task``: list tasks and show the prompts that models see."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trailhouse.cli.commands.task_group import group_app
from trailhouse.cli.console import print_json, print_rows, say
from trailhouse.cli.options import (
    DEFAULT_TASKS,
    JsonOption,
    RepeatPrefixOption,
    TasksOption,
)
from trailhouse.errors import PartialError, UsageError
from trailhouse.support.wording import count_of

task_app = typer.Typer(
    no_args_is_help=True, help="Multiple-choice tasks: list them, show the prompts that models see, and group them."
)
task_app.add_typer(group_app, name="group")


@task_app.command("list")
def list_tasks(tasks: TasksOption = None, as_json: JsonOption = False) -> None:
    """List the tasks, with the number of items and the accuracy of a random choice for each task.

    A file that holds no valid task is reported and left out; the exit code is then 4.
    """
    import pyarrow as pa

    from trailhouse.models.few_shot.tasks.discovery import survey_tasks

    found = survey_tasks(tasks or DEFAULT_TASKS)
    rows = [
        {
            "task": task.task_id,
            "items": len(task.items),
            "options": task.option_count,
            "chance": task.random_accuracy,
            "format": task.format,
            "description": task.description,
        }
        for task in found.tasks
    ]
    print_rows(pa.Table.from_pylist(rows), as_json=as_json)
    for file in found.skipped:
        say(f"skipped {file}: it is not a multiple-choice task")
    if found.broken:
        raise PartialError(
            f"{len(found.broken)} of {count_of(len(found.tasks) + len(found.broken), 'task')} cannot be read",
            "correct their files",
            tuple(f"{error.message}; {error.hint}" for error in found.broken),
        )


@task_app.command("show")
def show_prompt(
    name: Annotated[str, typer.Argument(help="Name of the task, see `trailhouse task list`.")],
    tasks: TasksOption = None,
    item: Annotated[int, typer.Option(min=0, help="Index of the item, from 0.")] = 0,
    shots: Annotated[int, typer.Option(min=0, help="Exemplars before the question.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed for drawing the exemplars.")] = 0,
    repeat_task_prefix: RepeatPrefixOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the prompt of an item as a model sees it, and the options of the item with their target scores."""
    from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
    from trailhouse.models.few_shot.tasks.discovery import survey_tasks

    found = survey_tasks(tasks or DEFAULT_TASKS, repeat_task_prefix=repeat_task_prefix)
    known = {task.task_id: task for task in found.tasks}
    if name not in known and found.broken:
        raise found.broken[0]
    if name not in known:
        raise UsageError(f"there is no task {name!r}", f"known are: {', '.join(known)}")
    task = known[name]
    if item >= len(task.items):
        raise UsageError(f"task {name!r} has no item {item}", f"its items are 0 to {len(task.items) - 1}")
    exemplar_ids = draw_exemplars(task, item, shots, seed)
    prompt = write_prompt(task, item, exemplar_ids, seed)
    options = dict(zip(task.items[item].options, task.items[item].target_scores, strict=True))
    if as_json:
        print_json({"task": name, "item": item, "exemplars": exemplar_ids, "prompt": prompt, "options": options})
        return
    sys.stdout.write(prompt + "\n")
    for option, score in options.items():
        say(f"option {option!r}: {score:g}")
