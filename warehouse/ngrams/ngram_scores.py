"""This module writes the scores of n-gram models to raw_ngram_score, and says which of them are stored.

The scores of a corpus under one model are one partition, which is replaced as a whole. Every row has the key of what
determined the scores, so that the rows themselves say whether they are up to date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import answering_promptly, read_row
from trailhouse.warehouse.loading.canonical_json import write_canonical_json
from trailhouse.warehouse.loading.partition_load import Partition, replace_partition, replace_partition_by_queries
from trailhouse.warehouse.ngrams.kneser_ney import insert_kneser_ney
from trailhouse.warehouse.ngrams.ngram_corpus import NgramCorpus
from trailhouse.warehouse.ngrams.query_settings import bound_memory
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts
from trailhouse.warehouse.ngrams.stupid_backoff import insert_stupid_backoff

STUPID_BACKOFF = "stupid_backoff"
KNESER_NEY = "kneser_ney"
SMOOTHINGS: Mapping[str, Callable[..., None]] = {
    STUPID_BACKOFF: insert_stupid_backoff,
    KNESER_NEY: insert_kneser_ney,
}
# A change of a formula gets a new number, so that the scores are computed again.
METHOD_VERSION = 1


@dataclass(frozen=True)
class NgramScores:
    """The scores of one corpus under one n-gram model. ``inputs`` is all that determines them."""

    corpus_id: str
    ngram_corpus_id: str
    vocabulary_id: str
    provider: str
    smoothing: str
    inputs: Mapping[str, object]

    @property
    def partition(self) -> Partition:
        """The partition of raw_ngram_score that holds the scores."""
        names = ("corpus_id", "ngram_corpus_id", "vocabulary_id", "provider", "smoothing")
        return Partition("raw_ngram_score", tuple((name, getattr(self, name)) for name in names))

    @property
    def score_key(self) -> str:
        """SHA-256 of everything that determines the scores."""
        content = write_canonical_json({"method": METHOD_VERSION, **self.inputs})
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def unit(self) -> str:
        """What is scored: word or token."""
        return NgramCorpus(self.ngram_corpus_id, self.vocabulary_id, 0, 0).unit


def count_stored_scores(client: Client, scores: NgramScores) -> int:
    """Return the number of stored rows; 0 if the stored scores are of other texts, counts or methods."""
    with answering_promptly(client):
        count, other_count = read_row(
            client,
            f"select count(), countIf(score_key != {quote_literal(scores.score_key)}) from raw_ngram_score"
            f" where {scores.partition.condition}",
        )
    return 0 if other_count else int(count)


def score_by_counts(client: Client, scores: NgramScores, counts: StoredCounts, units: str, memory_bytes: int) -> int:
    """Compute the scores in the warehouse from the counts, and replace the stored ones. Return the number of rows.

    ``units`` is a table of ``scored_units``. Raises BadInputError if the smoothing is not defined for the counts.
    """
    constants = {column: quote_literal(value) for column, value in scores.partition.key}
    constants |= {"unit": quote_literal(scores.unit), "score_key": quote_literal(scores.score_key)}
    settings = bound_memory(client, memory_bytes)

    def fill(staging: str) -> None:
        insert = SMOOTHINGS[scores.smoothing]
        insert(client, counts, units, quote_identifier(staging), constants, settings)

    return replace_partition_by_queries(client, scores.partition, fill)


def load_ngram_scores(client: Client, scores: NgramScores, batches: Iterable[pa.RecordBatch]) -> int:
    """Replace the stored scores by those that a provider outside the warehouse computed. Return the number of rows.

    The batches have the columns document_id, unit_index, ngram_order, log_prob_nats and matched_order.
    """

    def complete() -> Iterable[pa.Table]:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            for column, value in (("unit", scores.unit), ("score_key", scores.score_key)):
                table = table.append_column(column, pa.array([value] * table.num_rows))
            yield table

    return replace_partition(client, scores.partition, complete())
