"""This module makes corpora of words in context: sampled from another corpus, or read from a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.corpora import read_registered_corpus, register_corpus
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.phases.read_words import read_words_in_context
from trailhouse.models.phases.training_texts import find_in_texts
from trailhouse.models.phases.word_sampling import (
    SampleCounts,
    SampleSettings,
    Words,
    build_sampled_corpus,
    sample_words,
)
from trailhouse.models.texts.corpus import Corpus
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.schema.initialisation import require_schema


@dataclass(frozen=True)
class WordCorpusReport:
    """A corpus of words in context that is now in the warehouse."""

    corpus_id: str
    document_count: int
    split_counts: dict[str, int]
    """Number of words of each split."""
    is_new: bool
    """Whether anything was written. False if the warehouse had the same words already."""
    counts: SampleCounts | None
    """How many words could be drawn and how many were rejected; None if the words were read from a file."""


def sample_word_corpus(
    source_id: str, corpus_id: str, sampling: SampleSettings, training_files: Sequence[Path], settings: Settings
) -> WordCorpusReport:
    """Draw words in context from a corpus and store them as a corpus.

    ``training_files`` are texts that models were trained on. No word is drawn whose context and target stand in them.

    Raises UsageError if the new corpus has the name of the old one. Raises BadInputError if the warehouse lacks the
    corpus, if it is a corpus of words in context itself, or if too few of its words can be drawn.
    """
    if corpus_id == source_id:
        raise UsageError(f"the words of {source_id!r} would replace {source_id!r} itself", "choose another --name")
    passes = 0

    def find_known(sequences: Collection[Words]) -> set[Words]:
        nonlocal passes
        passes += 1
        report_progress("Reading training texts", passes - 1, passes)
        found = find_in_texts(sequences, training_files)
        report_progress("Reading training texts", passes, passes)
        return found

    with connect(resolve_address(settings)) as client:
        require_schema(client)
        source = read_registered_corpus(client, source_id)
        if any(document.kind == "word-in-context" for document in source.documents):
            raise BadInputError(
                f"corpus {source_id!r} holds words in context already", "name the corpus that they were drawn from"
            )
        sample = sample_words(source, sampling, find_known if training_files else None)
        corpus = build_sampled_corpus(corpus_id, source, sample.words, sampling)
        return _report(corpus, is_new=register_corpus(client, corpus), counts=sample.counts)


def read_word_corpus(path: Path, corpus_id: str, description: str, settings: Settings) -> WordCorpusReport:
    """Read words in context from a TSV file and store them as a corpus.

    Raises BadInputError naming the row and column if the file is wrong.
    """
    corpus = read_words_in_context(corpus_id, path, description)
    with connect(resolve_address(settings)) as client:
        return _report(corpus, is_new=register_corpus(client, corpus), counts=None)


def _report(corpus: Corpus, *, is_new: bool, counts: SampleCounts | None) -> WordCorpusReport:
    splits = Counter(json.loads(document.provenance)["split"] for document in corpus.documents)
    return WordCorpusReport(corpus.corpus_id, len(corpus.documents), dict(splits), is_new, counts)
