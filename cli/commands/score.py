"""``trailhouse score``: score the checkpoints of a suite on a corpus."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    ContextLengthOption,
    CorpusOption,
    DataDirectoryOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    SuiteArgument,
    WarehouseUrlOption,
)
from trailhouse.flows.settings import load_settings, prepare_prefect


def score(
    suite: SuiteArgument,
    corpus: CorpusOption,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    with_entropy: Annotated[
        bool | None,
        typer.Option("--entropy/--no-entropy", help="Also store the entropy of every predicted distribution."),
    ] = None,
    with_target_rank: Annotated[
        bool | None,
        typer.Option("--rank/--no-rank", help="Also store how many tokens were more probable than the target."),
    ] = None,
    is_compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the models with torch.compile.")
    ] = None,
    context_length: ContextLengthOption = None,
    stride: Annotated[
        int | None,
        typer.Option(help="New tokens scored by each further window of a long document. [default: half the context]"),
    ] = None,
    verify: Annotated[
        int | None,
        typer.Option(
            help="Random positions of each checkpoint to score again, each alone. If a score differs, the checkpoint"
            " fails. [default: 4]"
        ),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score every checkpoint of a suite on a corpus. Checkpoints that are scored already are skipped.

    If the command is interrupted or killed, run it again. It resumes where it stopped.
    """
    settings = load_settings(
        data_directory=data_directory,
        warehouse_url=warehouse_url,
        device=device,
        dtype=dtype,
        with_entropy=with_entropy,
        with_target_rank=with_target_rank,
        is_compiled=is_compiled,
        context_length=context_length,
        stride=stride,
        verified_position_count=verify,
    )
    prepare_prefect(settings)
    from trailhouse.flows.score_checkpoints import score_checkpoints

    with progress_bars():
        report = score_checkpoints(suite, corpus, settings)
    if as_json:
        print_json(asdict(report))
    say(
        f"{report.scored_count} of {report.checkpoint_count} checkpoints scored, {report.already_scored_count} were"
        f" scored already: {report.score_count} scores at {report.scores_per_second:.0f} per second"
        + (f"; {report.copied_count} have the weights of another and got its scores" if report.copied_count else "")
    )
