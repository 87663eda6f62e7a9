"""``trailhouse phases count``: count the n-grams of training texts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.errors import UsageError
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.count_ngrams import NgramCountReport


def count(
    texts: Annotated[
        list[Path],
        typer.Option("--corpus", help=".txt, .jsonl or .parquet file, or directory of them; may be repeated."),
    ],
    name: Annotated[str, typer.Option(help="Name of the training corpus of n-grams, to which the counts are added.")],
    is_of_words: Annotated[bool, typer.Option("--words", help="Count words, which white space separates.")] = False,
    tokenizer_of: Annotated[
        str | None,
        typer.Option("--tokenizer-of", help="Count tokens of the tokenizer of this suite or SUITE/MODEL."),
    ] = None,
    least_pruned_order: Annotated[
        int | None,
        typer.Option(
            "--prune-from",
            min=2,
            max=5,
            help="Do not store n-grams of this order or above that occur once in a shard. [default: store all]",
        ),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Count the n-grams of orders 1 to 5 of training texts, in words or in tokens of a model.

    A file, or about 64 MiB of the texts of a larger one, is one shard. A shard that is counted already, by the SHA-256
    of its file, is left alone, so that the counts grow with the files. A count that was interrupted resumes after its
    last shard. The setting `ngram_memory_gib` bounds the memory of each query.

    Counts in words and counts in tokens may have the same name; both are kept. Kneser-Ney smoothing needs counts
    without pruning.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    if is_of_words == (tokenizer_of is not None):
        raise UsageError("it is not clear what to count", "give either --words or --tokenizer-of MODEL")
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    from trailhouse.flows.first_checks import check_models, check_texts

    check_texts(texts)
    check_models([tokenizer_of] if tokenizer_of else [], settings)
    prepare_prefect(settings)
    from trailhouse.flows.count_ngrams import count_ngrams

    with progress_bars():
        report = count_ngrams(
            name, tuple(texts), settings, tokenizer_of=tokenizer_of, least_pruned_order=least_pruned_order or 0
        )
    if as_json:
        print_json(asdict(report))
    say_counts(report)
    say(f"score a corpus with `trailhouse phases score-ngrams CORPUS --ngrams {name}`")


def say_counts(report: NgramCountReport) -> None:
    """Tell the user what was counted."""
    unit = "word" if report.vocabulary_id == "words" else "token"
    say(
        f"n-gram corpus {report.ngram_corpus_id}: {count_of(report.counted_shard_count, 'shard')} counted,"
        f" {report.known_shard_count} already there; {count_of(report.unit_count, unit)},"
        f" {count_of(report.ngram_count, 'n-gram')} of orders 1 to 5"
    )
