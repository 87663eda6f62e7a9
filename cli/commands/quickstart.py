"""``trailhouse quickstart``: everything from a folder of checkpoints to a report, with defaults."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.commands.score import describe as describe_scoring
from trailhouse.cli.commands.transform import describe as describe_build
from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    BatchTokensOption,
    DataDirectoryOption,
    DeviceOption,
    JsonOption,
    PlannedStepsOption,
    WarehouseUrlOption,
)


def quickstart(
    folder: Annotated[
        Path, typer.Argument(help="Folder with checkpoints of one model or several.", exists=True, file_okay=False)
    ],
    texts: Annotated[
        Path | None,
        typer.Argument(
            help="Texts to score on: a .txt, .jsonl, .parquet or .csv file, or a directory of them. [default: texts of"
            " the documentation of Python]",
            exists=True,
        ),
    ] = None,
    batch_tokens: BatchTokensOption = None,
    planned_steps: PlannedStepsOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score the checkpoints in a folder, derive the marts and write a report, with defaults for everything.

    Each step is announced by the command that does the same. The last lines are three findings, and where to look next.
    Run it again after new checkpoints were saved: only these are scored.

        trailhouse quickstart runs/my-model held-out.jsonl
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, device=device)
    from trailhouse.flows.first_checks import check_device

    check_device(settings)
    prepare_prefect(settings)
    from trailhouse.flows.add_suite import GivenFacts
    from trailhouse.flows.quickstart import run_quickstart

    with progress_bars():
        done = run_quickstart(folder, texts, settings, GivenFacts(batch_tokens, planned_steps))
    suite_id, corpus_id = done.report.suite_id, done.report.corpus_id
    if as_json:
        print_json(asdict(done))
    say(f"suite: {done.declaration}; correct it there if something in it is wrong")
    say(describe_scoring(done.scoring))
    say(describe_build(done.marts))
    for sentence in done.report.first_findings:
        say(f"- {sentence}")
    say(f"report: {done.report.files[0]}")
    say(f"next: trailhouse ask most_forgotten_tokens; trailhouse figures --suite {suite_id} --corpus {corpus_id}")
    say(f"      trailhouse evaluate {suite_id}; trailhouse dashboards start; trailhouse ask lists the questions")
