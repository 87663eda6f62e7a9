"""``trailhouse evaluate``: few-shot evaluation on multiple-choice tasks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    DEFAULT_TASKS,
    ContextLengthOption,
    DataDirectoryOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    RepeatPrefixOption,
    ShotsOption,
    SuiteArgument,
    TasksOption,
    WarehouseUrlOption,
)
from trailhouse.support.wording import count_of


def evaluate(
    suite: SuiteArgument,
    tasks: TasksOption = None,
    shots: ShotsOption = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed for drawing the exemplars; may be repeated. [default: 0]"),
    ] = None,
    repeat_task_prefix: RepeatPrefixOption = False,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    context_length: ContextLengthOption = None,
    verify: Annotated[
        int | None,
        typer.Option(
            help="Number of random options of each task to score a second time, each in a batch of its own. If a score"
            " differs, the task fails. [default: 1]"
        ),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Evaluate every checkpoint of a suite on multiple-choice tasks. Evaluations that are done already are skipped.

    If the command is interrupted or killed, run it again. It resumes where it stopped.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(
        data_directory=data_directory,
        warehouse_url=warehouse_url,
        device=device,
        dtype=dtype,
        context_length=context_length,
        verified_option_count=verify,
    )
    from trailhouse.flows.first_checks import check_device, check_suites
    from trailhouse.models.few_shot.tasks.discovery import require_sources

    check_suites([suite], settings)
    check_device(settings)
    require_sources(tasks or DEFAULT_TASKS)
    prepare_prefect(settings)
    from trailhouse.flows.evaluate_tasks import evaluate_tasks

    with progress_bars():
        report = evaluate_tasks(
            suite, tasks or DEFAULT_TASKS, shots or [2], seed or [0], settings, repeat_task_prefix=repeat_task_prefix
        )
    if as_json:
        print_json(asdict(report))
    for file in report.skipped_files:
        say(f"skipped {file}: it is not a multiple-choice task")
    say(
        f"{report.evaluated_count} of {count_of(report.evaluation_count, 'evaluation')} done,"
        f" {report.already_evaluated_count} done already: {count_of(report.item_count, 'item')} at"
        f" {report.items_per_second:.0f} per second"
    )
