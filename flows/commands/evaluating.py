"""``evaluate`` and ``task``: multiple-choice tasks, and what the models make of them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import pyarrow as pa
import typer

from trailhouse.errors import UsageError
from trailhouse.flows.commands.options import DataDirectoryOption, DeviceOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.console import print_json, print_rows, progress_bars, say
from trailhouse.flows.settings import load_settings, prepare_prefect

DEFAULT_TASKS = ["miniature"]
TasksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        help="Directory or file of tasks, `lm-eval:NAME`, or `miniature`; may be repeated. [default: miniature]",
    ),
]
RepeatPrefixOption = Annotated[
    bool, typer.Option("--repeat-task-prefix", help="Write the prefix of a task before every exemplar too.")
]

task_app = typer.Typer(no_args_is_help=True, help="Tasks: multiple-choice questions that models are asked.")


def evaluate(
    suite: Annotated[str, typer.Argument(help="Suite, see `trailhouse suite list`.")],
    tasks: TasksOption = None,
    shots: Annotated[
        list[int] | None, typer.Option("--shots", help="Exemplars before the question; may be repeated. [default: 2]")
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed the exemplars are drawn with; may be repeated. [default: 0]"),
    ] = None,
    repeat_task_prefix: RepeatPrefixOption = False,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. [default: float32]")] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Evaluate every checkpoint of a suite on multiple-choice tasks, except what is evaluated already.

    Interrupted or killed, run it again: it goes on where it stopped.
    """
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, device=device, dtype=dtype)
    prepare_prefect(settings)
    from trailhouse.flows.evaluate_tasks import evaluate_tasks

    with progress_bars():
        report = evaluate_tasks(
            suite, tasks or DEFAULT_TASKS, shots or [2], seed or [0], settings, repeat_task_prefix=repeat_task_prefix
        )
    if as_json:
        print_json(asdict(report))
    for file in report.skipped_files:
        say(f"skipped {file}: it asks for free text, not for a choice")
    say(
        f"{report.evaluated_count} of {report.evaluation_count} evaluations done, {report.already_evaluated_count} were"
        f" done already: {report.item_count} items at {report.items_per_second:.0f} per second"
    )


@task_app.command("list")
def list_tasks(tasks: TasksOption = None, as_json: JsonOption = False) -> None:
    """List tasks with their size and the accuracy of choosing at random."""
    from trailhouse.models.tasks.discovery import find_tasks

    found = find_tasks(tasks or DEFAULT_TASKS)
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
        say(f"skipped {file}: it asks for free text, not for a choice")


@task_app.command("show")
def show_prompt(
    name: Annotated[str, typer.Argument(help="Name of the task, see `trailhouse task list`.")],
    tasks: TasksOption = None,
    item: Annotated[int, typer.Option(min=0, help="Ordinal of the item.")] = 0,
    shots: Annotated[int, typer.Option(min=0, help="Exemplars before the question.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed the exemplars are drawn with.")] = 0,
    repeat_task_prefix: RepeatPrefixOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the prompt of one item as a model sees it, and its options with what each is worth."""
    from trailhouse.models.tasks.discovery import find_tasks
    from trailhouse.models.tasks.prompt import draw_exemplars, write_prompt

    known = {
        task.task_id: task for task in find_tasks(tasks or DEFAULT_TASKS, repeat_task_prefix=repeat_task_prefix).tasks
    }
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
