"""``trailhouse score``: score the checkpoints of a suite on corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    ContextLengthOption,
    CorporaOption,
    DataDirectoryOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    SuiteArgument,
    WarehouseUrlOption,
)
from trailhouse.errors import TrailhouseError, UnreachableError
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.score_checkpoints import ScoringReport
    from trailhouse.flows.settings import Settings


def score(
    suite: SuiteArgument,
    corpus: CorporaOption,
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
    with_next_word: Annotated[
        bool | None,
        typer.Option(
            "--next-word-log-prob/--no-next-word-log-prob",
            help="Also store, for every token, the log-probability that the next token begins a new word or ends the"
            " text. It corrects the log-probabilities of words.",
        ),
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
            help="Number of random positions of each checkpoint to score a second time, each in a batch of its own. If"
            " a score differs, the checkpoint fails. [default: 4]"
        ),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score every checkpoint of a suite on one or more corpora. Checkpoints that are scored already are skipped.

    If the command is interrupted or killed, run it again. It resumes where it stopped.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(
        data_directory=data_directory,
        warehouse_url=warehouse_url,
        device=device,
        dtype=dtype,
        with_entropy=with_entropy,
        with_target_rank=with_target_rank,
        with_next_word=with_next_word,
        is_compiled=is_compiled,
        context_length=context_length,
        stride=stride,
        verified_position_count=verify,
    )
    from trailhouse.flows.first_checks import check_device, check_suites
    from trailhouse.flows.pipeline.corpora import require_corpora

    corpora = list(dict.fromkeys(corpus))
    check_suites([suite], settings)
    check_device(settings)
    require_corpora(settings, corpora)
    prepare_prefect(settings)
    reports = score_and_say([suite], corpora, settings)
    if as_json:
        records = [asdict(report) for report in reports]
        print_json(records if len(corpora) > 1 else records[0])


def score_and_say(suites: Sequence[str], corpora: Sequence[str], settings: Settings) -> list[ScoringReport]:
    """Score suites on corpora, one after the other, and tell the user about each of them.

    A failure does not stop the work on the next corpus. Raises the first error at the end, or at once if the warehouse
    cannot be reached.
    """
    from trailhouse.flows.score_checkpoints import score_checkpoints

    reports: list[ScoringReport] = []
    errors: list[TrailhouseError] = []
    is_alone = len(suites) * len(corpora) == 1
    for suite, corpus_id in product(suites, corpora):
        try:
            with progress_bars():
                reports.append(score_checkpoints(suite, corpus_id, settings))
        except TrailhouseError as error:
            if is_alone or isinstance(error, UnreachableError):
                raise
            errors.append(error)
            say(f"{suite} on {corpus_id}: {error.message}")
        else:
            say(describe(reports[-1]))
    if errors:
        raise errors[0]
    return reports


def describe(report: ScoringReport) -> str:
    """Return a sentence about what one run did."""
    sentence = (
        f"{report.suite_id} on {report.corpus_id}: {report.scored_count} of"
        f" {count_of(report.checkpoint_count, 'checkpoint')} scored, {report.already_scored_count} scored already:"
        f" {count_of(report.score_count, 'score')} at {report.scores_per_second:.0f} per second"
    )
    return sentence + (
        f"; {report.copied_count} with the weights of another got its scores" if report.copied_count else ""
    )
