"""This module writes the similarities of words to their contexts, and says what is stored of them.

The similarities of a corpus under one set of word vectors are one partition, which is written whole or not at all. The
row of the word vectors is written after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import answering_promptly, read_row
from trailhouse.warehouse.loading.catalogue import Record, read_records, upsert
from trailhouse.warehouse.loading.partition_load import Partition, replace_partition

NAMED_WORD_COUNT = 20


@dataclass(frozen=True)
class SimilaritySummary:
    """What is stored of the similarities of a corpus under one set of word vectors."""

    word_count: int
    known_word_count: int
    """Words that have a similarity: the word and at least one word of its context have a vector."""
    unknown_target_count: int
    """Words that have no vector."""
    known_context_share: float
    """Share of the context words, over all words, that have a vector."""
    unknown_words: dict[str, int]
    """The most frequent words without a vector, and how often each occurs as a target."""


def find_partition(corpus_id: str, vectors_id: str) -> Partition:
    """Return the partition that holds the similarities of a corpus under one set of word vectors."""
    return Partition("raw_semantic_similarity", (("corpus_id", corpus_id), ("vectors_id", vectors_id)))


def has_similarities(
    client: Client, corpus_id: str, vectors_id: str, vectors_sha256: str, corpus_sha256: str, context_word_limit: int
) -> bool:
    """Return whether the similarities of these texts, vectors and contexts are stored, with the row of the vectors."""
    with answering_promptly(client):
        described = read_records(client, "raw_word_vectors", ["vectors_id", "sha256"], ["vectors_id"])
        count, equal_count = read_row(
            client,
            "select count(), countIf(corpus_sha256 = {corpus_sha256:String} and context_word_limit = {limit:Int32})"
            f" from raw_semantic_similarity where {find_partition(corpus_id, vectors_id).condition}",
            {"corpus_sha256": corpus_sha256, "limit": context_word_limit},
        )
    return described.get((vectors_id,)) == (vectors_id, vectors_sha256) and count == equal_count > 0


def load_similarities(client: Client, corpus_id: str, vectors: Record, tables: Iterable[pa.Table]) -> int:
    """Replace the similarities of a corpus under one set of word vectors, and return the number of rows.

    ``vectors`` is a row of raw_word_vectors. If the process is killed, either all of the new rows are stored or none.
    Raises BadInputError if there are no rows.
    """
    row_count = replace_partition(client, find_partition(corpus_id, str(vectors["vectors_id"])), tables)
    upsert(client, "raw_word_vectors", ["vectors_id"], [vectors])
    return row_count


def summarise_similarities(client: Client, corpus_id: str, vectors_id: str) -> SimilaritySummary:
    """Return how many words have a similarity, and which words have no vector."""
    stored = (
        f"from raw_semantic_similarity where weighting = 'unweighted'"
        f" and {find_partition(corpus_id, vectors_id).condition}"
    )
    word_count, known_count, unknown_count, context_count, known_context_count = read_row(
        client,
        "select count(), countIf(cosine_similarity is not null), countIf(not is_target_known),"
        f" sum(context_word_count), sum(known_context_word_count) {stored}",
    )
    unknown = client.query(
        f"select word, count() as occurrence_count {stored} and not is_target_known group by word"
        f" order by occurrence_count desc, word limit {NAMED_WORD_COUNT}"
    ).result_rows
    share = known_context_count / context_count if context_count else 0.0
    return SimilaritySummary(
        word_count, known_count, unknown_count, share, {str(word): int(count) for word, count in unknown}
    )
