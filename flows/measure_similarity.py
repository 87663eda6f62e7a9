"""This module measures how similar in meaning the words of corpora are to their contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.corpora import read_registered_corpus
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.phases.similarity import build_similarity_tables, count_targets, list_wanted_forms
from trailhouse.models.phases.trained_vectors import describe_trained_vectors, train_word_vectors
from trailhouse.models.phases.vector_files import describe_vector_file, read_vector_file
from trailhouse.models.texts.corpus import Corpus
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.semantic_similarity import (
    SimilaritySummary,
    has_similarities,
    load_similarities,
    summarise_similarities,
)
from trailhouse.warehouse.schema.initialisation import require_schema

CONTEXT_WORD_LIMIT = 100
"""Words before a word that are its context, if the user does not say how many."""


@dataclass(frozen=True)
class SimilarityReport:
    """The similarities of a corpus that are now in the warehouse."""

    corpus_id: str
    vectors_id: str
    is_new: bool
    """Whether anything was computed. False if the warehouse had these similarities already."""
    summary: SimilaritySummary


def measure_similarities(
    corpus_ids: Sequence[str],
    settings: Settings,
    *,
    vector_file: Path | None = None,
    training_files: Sequence[Path] = (),
    context_word_limit: int = CONTEXT_WORD_LIMIT,
) -> list[SimilarityReport]:
    """Store the similarity of every word of the corpora to its context, unless it is stored already.

    The word vectors come from a file, or are trained on texts. They are read or trained once for all corpora.
    ``context_word_limit`` is the number of words before a word that are its context.

    Raises UsageError if both or neither are given. Raises BadInputError if the warehouse lacks a corpus, if no word of
    a corpus has enough words before it, or if the vectors cannot be read or trained.
    """
    if (vector_file is None) == (not training_files):
        raise UsageError(
            "the word vectors come either from a file or from training, and"
            f" {'both' if vector_file is not None else 'neither'} are given",
            "give --vectors FILE, or --train FILE once or several times",
        )
    described = describe_trained_vectors(training_files) if vector_file is None else describe_vector_file(vector_file)
    vectors_id = described.vectors_id
    with connect(resolve_address(settings)) as client:
        require_schema(client)
        corpora = [read_registered_corpus(client, corpus_id) for corpus_id in corpus_ids]
        missing = [
            corpus
            for corpus in corpora
            if not has_similarities(
                client, corpus.corpus_id, vectors_id, described.sha256, corpus.corpus_sha256, context_word_limit
            )
        ]
        new_ids = {corpus.corpus_id for corpus in missing}
        for corpus in missing:
            refuse_short_texts(corpus)
        if missing:
            report_progress("Word similarity", 0, 2, "reading or training vectors")
            wanted = set().union(*map(list_wanted_forms, missing))
            if vector_file is None:
                vectors = train_word_vectors(training_files, wanted, described)
            else:
                vectors = read_vector_file(vector_file, wanted, described)
            report_progress("Word similarity", 1, 2, "comparing words with their contexts")
            for corpus in missing:
                tables = build_similarity_tables(corpus, vectors, context_word_limit)
                load_similarities(client, corpus.corpus_id, asdict(vectors.description), tables)
            report_progress("Word similarity", 2, 2)
        return [
            SimilarityReport(
                corpus.corpus_id,
                vectors_id,
                corpus.corpus_id in new_ids,
                summarise_similarities(client, corpus.corpus_id, vectors_id),
            )
            for corpus in corpora
        ]


def refuse_short_texts(corpus: Corpus) -> None:
    """Raise BadInputError if no word of the corpus has enough words before it."""
    if count_targets(corpus) == 0:
        raise BadInputError(
            f"corpus {corpus.corpus_id!r} has no word with at least four words before it",
            "use a corpus of longer texts, see `trailhouse corpus list`",
        )
