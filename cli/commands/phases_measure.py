"""``trailhouse phases measure``: gather what the behavioural phases of a suite are derived from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.commands.phases_count import say_counts
from trailhouse.cli.commands.phases_score_ngrams import say_scores
from trailhouse.cli.commands.phases_similarity import say_similarity
from trailhouse.cli.commands.score import describe
from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    CorporaOption,
    DataDirectoryOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    SuiteArgument,
    WarehouseUrlOption,
)


def measure(
    suite: SuiteArgument,
    corpus: CorporaOption,
    ngrams: Annotated[str, typer.Option(help="Training corpus of the n-grams, see `trailhouse phases count`.")],
    train_texts: Annotated[
        list[Path] | None,
        typer.Option(
            help="Text files or directories that the models were trained on; may be repeated. Their n-grams are counted"
            " into --ngrams. Without them, --ngrams was counted before."
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            help="File of word vectors, see `trailhouse phases similarity`. [default: trained on --train-texts]"
        ),
    ] = None,
    smoothing: Annotated[
        list[str] | None,
        typer.Option(
            help="How counts are smoothed: stupid_backoff or kneser_ney; may be repeated. [default: stupid_backoff]"
        ),
    ] = None,
    corrects_words: Annotated[
        bool,
        typer.Option(
            "--correction/--no-correction",
            help="Store the beginning-of-word correction for words in context, beside their log-probabilities.",
        ),
    ] = True,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Gather what the behavioural phases of a suite are derived from (Michaelov et al. 2025).

    The command counts the n-grams of the training texts, scores every checkpoint of the suite and the n-grams on each
    corpus, and compares words with their contexts in meaning. What is there already is left alone. A corpus of words in
    context (`trailhouse phases sample`) gives the regression on training and validation words; any other corpus also
    gives what n-grams say of the tokens that are learned or forgotten.

    Then run `trailhouse transform`, and ask `trailhouse ask phases_in_order --param suite_id=SUITE`.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, device=device, dtype=dtype)
    from trailhouse.flows.first_checks import check_device, check_files, check_ngram_corpus, check_suites, check_texts
    from trailhouse.flows.pipeline.corpora import require_corpora

    check_suites([suite], settings)
    check_device(settings)
    require_corpora(settings, corpus)
    check_files([vectors] if vectors else [])
    if train_texts:
        check_texts(train_texts)
    else:
        check_ngram_corpus(ngrams, settings)
    prepare_prefect(settings)
    from trailhouse.flows.measure_phases import PhaseRequest, measure_phases

    request = PhaseRequest(
        suite,
        list(dict.fromkeys(corpus)),
        ngrams,
        tuple(train_texts or ()),
        vectors,
        tuple(smoothing or ("stupid_backoff",)),
        corrects_words,
    )
    with progress_bars():
        report = measure_phases(request, settings)
    if as_json:
        print_json(asdict(report))
    for count in report.counts:
        say_counts(count)
    for scoring in report.scorings:
        say(describe(scoring))
    for scores in report.ngram_scores:
        say_scores(scores)
    for similarity in report.similarities:
        say_similarity(similarity)
    say(f"run `trailhouse transform`, then `trailhouse ask phases_in_order --param suite_id={suite}`")
