"""The flow that scores the words or tokens of a corpus by n-grams. What is scored is not scored again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from prefect import flow
from prefect.artifacts import create_table_artifact

from trailhouse.flows.first_checks import check_smoothings, name_missing_counts
from trailhouse.flows.pipeline.corpora import read_registered_corpus
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.phases.infini_gram import InfiniGram
from trailhouse.models.phases.kenlm_files import KenlmFiles
from trailhouse.models.phases.ngram_provider import NgramProvider, tabulate_scores
from trailhouse.models.texts.corpus import Corpus
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.partition_load import drop_abandoned_staging_tables
from trailhouse.warehouse.ngrams.ngram_corpus import (
    WORDS,
    NgramCorpus,
    identify_counts,
    read_ngram_corpora,
    require_counted_shards,
)
from trailhouse.warehouse.ngrams.ngram_scores import (
    STUPID_BACKOFF,
    NgramScores,
    count_stored_scores,
    load_ngram_scores,
    score_by_counts,
)
from trailhouse.warehouse.ngrams.scored_units import open_token_units, open_word_units
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts
from trailhouse.warehouse.ngrams.word_numbers import read_word_numbers
from trailhouse.warehouse.schema.initialisation import require_schema

OWN_PROVIDER = "clickhouse"


@dataclass(frozen=True)
class NgramScoreReport:
    """The scores of a corpus under one n-gram model, which are now in the warehouse."""

    corpus_id: str
    ngram_corpus_id: str
    vocabulary_id: str
    provider: str
    smoothing: str
    row_count: int
    is_new: bool
    """Whether anything was computed. False if the warehouse had the same scores already."""


@flow(name="score_ngrams", validate_parameters=False, persist_result=False)
def score_ngrams(
    corpus_id: str,
    ngram_corpus_id: str,
    settings: Settings | None = None,
    *,
    smoothings: Sequence[str] = (STUPID_BACKOFF,),
    provider: NgramProvider | None = None,
) -> list[NgramScoreReport]:
    """Score every word or token of a corpus by n-grams of the training corpus.

    Without a provider, the counts of the warehouse are used, in every vocabulary in which the training corpus was
    counted and with every smoothing. A provider scores words, and has a smoothing of its own.

    Raises UsageError if there is no such smoothing. Raises BadInputError if the warehouse lacks the corpus or the
    counts, or if a smoothing is not defined for them.
    """
    settings = settings or load_settings()
    check_smoothings(smoothings)
    with connect(resolve_address(settings)) as client:
        require_schema(client)
        drop_abandoned_staging_tables(client)
        corpus = read_registered_corpus(client, corpus_id)
        if provider is not None:
            reports = [score_with_provider(client, corpus, ngram_corpus_id, provider)]
        else:
            counts = read_counts(client, ngram_corpus_id)
            reports = [
                report for one in counts for report in score_with_counts(client, corpus, one, smoothings, settings)
            ]
    create_table_artifact([asdict(report) for report in reports], key="ngram-scores", description="Scores of n-grams")
    return reports


def open_provider(name: str, files: Sequence[Path], url: str, index: str) -> NgramProvider | None:
    """Return the provider of a name; None for the counts of the warehouse. Raises the errors of the providers."""
    if name == KenlmFiles.name:
        return KenlmFiles(files)
    if name == InfiniGram.name:
        return InfiniGram(url, index)
    return None


def read_counts(client: Client, ngram_corpus_id: str) -> list[StoredCounts]:
    """Return the counts of a training corpus in every vocabulary.

    Raises BadInputError if there are none, or if counts are lost.
    """
    counts = [
        StoredCounts(corpus, tuple(shards))
        for corpus in read_ngram_corpora(client, ngram_corpus_id)
        if (shards := require_counted_shards(client, corpus))
    ]
    if not counts:
        raise name_missing_counts(ngram_corpus_id)
    return counts


def score_with_counts(
    client: Client, corpus: Corpus, counts: StoredCounts, smoothings: Sequence[str], settings: Settings
) -> list[NgramScoreReport]:
    """Score a corpus by the counts of one vocabulary, with every smoothing that is not stored yet."""
    inputs = {"corpus": corpus.corpus_sha256, "counts": identify_counts(counts.corpus, counts.shards)}
    wanted = [
        NgramScores(corpus.corpus_id, *key_of(counts.corpus), OWN_PROVIDER, smoothing, inputs)
        for smoothing in dict.fromkeys(smoothings)
    ]
    stored_counts = [count_stored_scores(client, scores) for scores in wanted]
    reports = [
        describe(scores, count, is_new=False) for scores, count in zip(wanted, stored_counts, strict=True) if count
    ]
    missing = [scores for scores, count in zip(wanted, stored_counts, strict=True) if not count]
    if missing:
        with open_units(client, corpus, counts) as units:
            for scores in missing:
                row_count = score_by_counts(client, scores, counts, units, settings.ngram_memory_bytes)
                reports.append(describe(scores, row_count, is_new=True))
    return reports


@contextmanager
def open_units(client: Client, corpus: Corpus, counts: StoredCounts) -> Iterator[str]:
    """Yield the table of the words or tokens of a corpus. Raises the errors of ``open_token_units``."""
    vocabulary_id = counts.corpus.vocabulary_id
    if vocabulary_id != WORDS:
        with open_token_units(client, corpus.corpus_id, vocabulary_id) as units:
            yield units
        return
    texts = [document.text.split() for document in corpus.documents]
    numbers = read_word_numbers(client, counts.corpus.ngram_corpus_id, {word for text in texts for word in text})
    with open_word_units(client, texts, numbers) as units:
        yield units


def score_with_provider(
    client: Client, corpus: Corpus, ngram_corpus_id: str, provider: NgramProvider
) -> NgramScoreReport:
    """Score the words of a corpus with a provider outside the warehouse, unless its scores are stored."""
    inputs = {"corpus": corpus.corpus_sha256, **provider.inputs}
    scores = NgramScores(corpus.corpus_id, ngram_corpus_id, WORDS, provider.name, provider.smoothing, inputs)
    if stored_count := count_stored_scores(client, scores):
        return describe(scores, stored_count, is_new=False)
    row_count = load_ngram_scores(client, scores, tabulate_scores(provider, split_documents(corpus)))
    return describe(scores, row_count, is_new=True)


def split_documents(corpus: Corpus) -> Iterator[list[str]]:
    """Yield the words of every document, and report the progress."""
    for index, document in enumerate(corpus.documents):
        report_progress("Scoring n-grams", index, len(corpus.documents), document.document_name)
        yield document.text.split()
    report_progress("Scoring n-grams", len(corpus.documents), len(corpus.documents))


def key_of(corpus: NgramCorpus) -> tuple[str, str]:
    """Return the key of a training corpus and vocabulary."""
    return corpus.ngram_corpus_id, corpus.vocabulary_id


def describe(scores: NgramScores, row_count: int, *, is_new: bool) -> NgramScoreReport:
    """Return the report about one set of scores."""
    return NgramScoreReport(
        scores.corpus_id,
        scores.ngram_corpus_id,
        scores.vocabulary_id,
        scores.provider,
        scores.smoothing,
        row_count,
        is_new,
    )
