"""``trailhouse phases sample`` and ``trailhouse phases read``: make a corpus of words in context."""

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
    from trailhouse.flows.sample_words import WordCorpusReport

WordCorpusOption = Annotated[str, typer.Option("--name", help="Name of the corpus of words in context.")]


def sample(
    corpus: Annotated[str, typer.Argument(help="Corpus to draw words from, see `trailhouse corpus list`.")],
    count: Annotated[int, typer.Option(min=1, help="Number of words.")],
    name: WordCorpusOption,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random choices.")] = 0,
    train_texts: Annotated[
        list[Path] | None,
        typer.Option(
            help="Text files or directories that models were trained on, as for `corpus add`; may be repeated. No word"
            " is drawn whose whole context and target stand in them word for word."
        ),
    ] = None,
    max_context_words: Annotated[int, typer.Option(min=4, help="Largest number of words of a context.")] = 50,
    split: Annotated[
        str, typer.Option(help="Percentages of words for training, validation and test of regressions.")
    ] = "80/10/10",
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Draw words in context from a corpus, as Michaelov et al. 2025 do, and store them as a corpus.

    A target is a word of letters only. Its context goes back to the beginning of a sentence or of the document, and has
    at least four words. Of each document of the new corpus, only the target counts in perplexities and phases.

    The same corpus, options and training texts give the same words on every machine.
    """
    from trailhouse.flows.sample_words import sample_word_corpus
    from trailhouse.flows.settings import load_settings
    from trailhouse.models.phases.word_sampling import SampleSettings, describe_rejections

    sampling = SampleSettings(count, seed, max_context_words, read_shares(split))
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with progress_bars():
        report = sample_word_corpus(corpus, name, sampling, train_texts or [], settings)
    assert report.counts is not None
    print_report(report, as_json=as_json)
    say(describe_rejections(report.counts))
    say_next(report)


def read(
    file: Annotated[
        Path, typer.Argument(help="TSV file with the columns context, target and, optionally, split.", metavar="FILE")
    ],
    name: WordCorpusOption,
    description: Annotated[str, typer.Option(help="What the words are, in a sentence.")] = "",
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Read words in context from a TSV file and store them as a corpus.

    The first line names the columns. A split is train, validation or test; without the column, all words are training
    words. Fields are separated by tabs and are not quoted. Of each document, only the target counts in perplexities and
    phases.
    """
    from trailhouse.flows.sample_words import read_word_corpus
    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    report = read_word_corpus(file, name, description, settings)
    print_report(report, as_json=as_json)
    say_next(report)


def read_shares(split: str) -> tuple[int, int, int]:
    """Return the percentages of a split such as 80/10/10. Raises UsageError if they are not three whole numbers."""
    parts = split.split("/")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(
            f"the split {split!r} is not three percentages", "give train/validation/test, such as 80/10/10"
        )
    first, second, third = (int(part) for part in parts)
    return first, second, third


def print_report(report: WordCorpusReport, *, as_json: bool) -> None:
    """Print how many words the corpus has."""
    if as_json:
        print_json(asdict(report))
    splits = ", ".join(f"{count} {split}" for split, count in report.split_counts.items())
    state = "" if report.is_new else ", already there"
    say(f"corpus {report.corpus_id}: {count_of(report.document_count, 'word')} in context ({splits}){state}")


def say_next(report: WordCorpusReport) -> None:
    """Print what to do with the corpus next."""
    name = report.corpus_id
    if "validation" not in report.split_counts:
        say("no word is a validation word, so regressions will have no R² on held-out words")
    say(
        f"score it with `trailhouse score SUITE --corpus {name} --next-word-log-prob`, and measure meanings with"
        f" `trailhouse phases similarity {name} --vectors FILE`"
    )
