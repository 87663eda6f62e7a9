"""``trailhouse phases score-ngrams``: score the words or tokens of a corpus by n-grams."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.errors import UsageError
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.score_ngrams import NgramScoreReport


def score_ngrams_of(
    corpus: Annotated[str, typer.Argument(help="Corpus to score, see `trailhouse corpus list`.")],
    ngrams: Annotated[str, typer.Option(help="Training corpus of the n-grams, see `trailhouse phases count`.")],
    smoothing: Annotated[
        list[str] | None,
        typer.Option(
            help="How the counts of the warehouse are smoothed: stupid_backoff or kneser_ney; may be repeated."
            " [default: stupid_backoff]"
        ),
    ] = None,
    provider: Annotated[
        Literal["clickhouse", "kenlm", "infini_gram"],
        typer.Option(help="Counts of the warehouse, files of KenLM, or an infini-gram service."),
    ] = "clickhouse",
    arpa: Annotated[
        list[Path] | None,
        typer.Option(
            help="ARPA or binary file of KenLM, one for each order; may be repeated. Needs trailhouse[kenlm]."
        ),
    ] = None,
    api: Annotated[str | None, typer.Option(help="Address of an infini-gram service.")] = None,
    index: Annotated[str, typer.Option(help="Index of the infini-gram service.")] = "",
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score every word or token of a corpus with n-grams of orders 1 to 5.

    The counts of the warehouse score words, tokens or both, as the training corpus was counted. Tokens are those that
    `trailhouse score` stored. KenLM and infini-gram score words; --ngrams then names the texts that their model is of.

    What is scored is not scored again. If the training corpus got new shards, the scores are computed anew.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    refuse_other_options(provider, has_smoothing=bool(smoothing), has_arpa=bool(arpa), has_api=bool(api or index))
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    from trailhouse.flows.first_checks import check_files, check_ngram_corpus, check_smoothings
    from trailhouse.flows.pipeline.corpora import require_corpora

    check_smoothings(smoothing or [])
    require_corpora(settings, [corpus])
    check_files(arpa or [])
    if provider == "clickhouse":
        check_ngram_corpus(ngrams, settings)
    prepare_prefect(settings)
    from trailhouse.flows.score_ngrams import open_provider, score_ngrams

    with progress_bars():
        chosen = open_provider(provider, arpa or [], api or "", index)
        reports = score_ngrams(corpus, ngrams, settings, smoothings=smoothing or ["stupid_backoff"], provider=chosen)
    if as_json:
        print_json([asdict(report) for report in reports])
    for report in reports:
        say_scores(report)


def say_scores(report: NgramScoreReport) -> None:
    """Tell the user how many scores of a corpus there are."""
    say(
        f"{report.corpus_id} by n-grams of {report.ngram_corpus_id} in {report.vocabulary_id}"
        f" ({report.provider}, {report.smoothing}): {count_of(report.row_count, 'score')}"
        + ("" if report.is_new else ", already there")
    )


def refuse_other_options(provider: str, *, has_smoothing: bool, has_arpa: bool, has_api: bool) -> None:
    """Raise UsageError if an option is given that the provider does not use."""
    for name, is_given, owner in (
        ("--smoothing", has_smoothing, "clickhouse"),
        ("--arpa", has_arpa, "kenlm"),
        ("--api and --index", has_api, "infini_gram"),
    ):
        if is_given and owner != provider:
            raise UsageError(
                f"the provider {provider} does not use {name}", f"leave it out, or give --provider {owner}"
            )
