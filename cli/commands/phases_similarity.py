"""``trailhouse phases similarity``: measure how similar in meaning words are to their contexts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.measure_similarity import SimilarityReport

# Longer words are cut in the message
NAMED_CHARACTERS = 40


def similarity(
    corpus: Annotated[str, typer.Argument(help="Corpus, see `trailhouse corpus list`.")],
    vectors: Annotated[
        Path | None,
        typer.Option(help="File of word vectors: .vec or .txt (word2vec text), or .bin (word2vec or fastText binary)."),
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="Text files or directories to train word vectors on, with word2vec; may be repeated."),
    ] = None,
    max_context_words: Annotated[
        int | None,
        typer.Option(
            min=4,
            help="Words before a word that are its context. Words in context have all of theirs. [default: 100]",
        ),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Store the cosine of each word's vector and the mean vector of the words before it.

    The mean is stored unweighted, and weighted by position, so that near words count more. Of words in context, only
    the target is compared; of other corpora, every word with at least four words before it.

    A word is looked up as it is, then in lower case, then without punctuation around it, then both. Words without a
    vector are counted and named; they have no similarity, and no part in the mean of a context.
    """
    from trailhouse.flows.measure_similarity import CONTEXT_WORD_LIMIT, measure_similarities
    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with progress_bars():
        (report,) = measure_similarities(
            [corpus],
            settings,
            vector_file=vectors,
            training_files=train or [],
            context_word_limit=max_context_words or CONTEXT_WORD_LIMIT,
        )
    if as_json:
        print_json(asdict(report))
    say_similarity(report)
    say("run `trailhouse transform` to derive what the similarities explain")


def say_similarity(report: SimilarityReport) -> None:
    """Tell the user how many words of a corpus have a similarity, and which words have no vector."""
    found = report.summary
    state = "" if report.is_new else ", already there"
    say(
        f"{report.corpus_id} under {report.vectors_id}: {found.known_word_count} of"
        f" {count_of(found.word_count, 'word')} with a similarity{state};"
        f" {100 * found.known_context_share:.1f} % of the context words have a vector"
    )
    if found.unknown_target_count:
        named = ", ".join(f"{word[:NAMED_CHARACTERS]} ({count})" for word, count in found.unknown_words.items())
        say(f"{count_of(found.unknown_target_count, 'word')} without a vector, the most frequent first: {named}")
