"""``trailhouse import``: import results that other programs computed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.support.wording import count_of

import_app = typer.Typer(no_args_is_help=True, help="Imports: results that other programs computed.")


@import_app.command("lm-eval")
def import_lm_eval(
    paths: Annotated[list[Path], typer.Argument(help="Result or samples files, or directories of them.")],
    model: Annotated[
        str | None, typer.Option(help="Model of these results: its name, or SUITE/NAME. [default: as each file says]")
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=0, help="Step of the checkpoint. [default: as each file says]")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Regular expression that finds model and step in the path of a file,"
            r" like 'runs/(?P<model>[^/]+)/(?P<step>\d+)\.json'."
        ),
    ] = None,
    parameters: Annotated[
        int | None, typer.Option(min=1, help="Parameter count, for a model that is not in the warehouse yet.")
    ] = None,
    batch_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens per optimizer step, for a model that is not in the warehouse yet.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="Directory of the tokenizer that counts the tokens of samples. [default: as each file says]"),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Import result files of lm-evaluation-harness, so that its metrics become trajectories.

    Samples files (--log_samples) beside a result file are imported too. They add the log-probability of every option of
    multiple-choice tasks.

    A result file states the name of its model. If the warehouse has no model of this name, the import adds the model.
    The added model belongs to the suite that declares a model of this name. If there is no such suite, the added model
    belongs to the suite `imported`.

    Importing a file twice changes nothing. Run `trailhouse transform` after the import.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    from trailhouse.warehouse.imports.lm_eval.result_files import list_result_files

    list_result_files(paths)  # names a wrong path before a Prefect server is started
    prepare_prefect(settings)
    from trailhouse.flows.import_results import Naming, import_results

    naming = Naming(model, step, pattern, parameters, batch_tokens, tokenizer)
    with progress_bars():
        report = import_results(tuple(paths), naming, settings)
    if as_json:
        print_json(asdict(report))
    say(
        f"{count_of(report.metric_count, 'metric')} of {count_of(report.checkpoint_count, 'checkpoint')} of"
        f" {', '.join(report.models)};"
        f" new or changed: {report.changed_count}"
    )
    if report.samples_file_count:
        say(
            f"new or changed: {count_of(report.option_count, 'option score')} of"
            f" {count_of(report.evaluation_count, 'evaluation')}"
        )
    if report.uncounted_samples_file_count:
        say(
            f"{count_of(report.uncounted_samples_file_count, 'samples file')} without token counts: name the tokenizer"
            " with --tokenizer for option perplexities and accuracy per token"
        )
    if report.other_samples_file_count:
        say(f"left out: {count_of(report.other_samples_file_count, 'samples file')} not of multiple choice")
    for task_id in report.replaced_tasks:
        say(f"{task_id} replaces the task of that name imported before, whose scores are no longer used")
    if report.not_finite_count:
        say(f"left out: {count_of(report.not_finite_count, 'metric')} with the value NaN or infinity")
