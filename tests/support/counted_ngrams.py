"""Training corpora of n-grams that tests count in the warehouse, and the scores of texts by them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.ngrams.counting import count_shard
from trailhouse.warehouse.ngrams.ngram_corpus import (
    WORDS,
    CountedShard,
    NgramCorpus,
    ShardPart,
    declare_ngram_corpus,
    read_counted_shards,
    record_shard,
)
from trailhouse.warehouse.ngrams.ngram_scores import NgramScores, score_by_counts
from trailhouse.warehouse.ngrams.scored_units import open_word_units
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts
from trailhouse.warehouse.ngrams.windows import cut_windows
from trailhouse.warehouse.ngrams.word_numbers import WordNumbers, read_word_numbers

Texts = Sequence[Sequence[str]]
MEMORY_BYTES = 1 << 30


def draw_texts(seed: int, count: int, words: str = "abcdefgh") -> list[list[str]]:
    """Return random texts whose words are not equally frequent."""
    generator = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [generator.choices(words, weights, k=generator.randint(1, 30)) for _ in range(count)]


def count_texts(
    client: Client, shards: Sequence[Texts], name: str = "train", *, least_pruned_order: int = 0
) -> StoredCounts:
    """Count the words of texts, shard by shard, and return the counts."""
    corpus = declare_ngram_corpus(client, NgramCorpus(name, WORDS, least_pruned_order, 1 << 20))
    for texts in shards:
        count_one(client, corpus, texts)
    return StoredCounts(corpus, tuple(read_counted_shards(client, corpus)))


def count_one(client: Client, corpus: NgramCorpus, texts: Texts) -> CountedShard:
    """Count one shard and record it."""
    part = ShardPart(hashlib.sha256(repr(texts).encode()).hexdigest(), 0)
    numbers = WordNumbers(client, corpus.ngram_corpus_id).number_texts(texts)
    row_count = count_shard(
        client,
        part.partition(corpus),
        cut_windows(numbers),
        least_pruned_order=corpus.least_pruned_order,
        memory_bytes=MEMORY_BYTES,
    )
    unit_count = sum(map(len, texts))
    shard = CountedShard(part.shard_id, part.file_sha256, 0, True, "test", len(texts), 0, unit_count, row_count, 0)
    record_shard(client, corpus, shard)
    return shard


def score_texts(
    client: Client, counts: StoredCounts, texts: Texts, smoothing: str
) -> dict[tuple[int, int, int], tuple[float, int]]:
    """Score texts, and return (log-probability, matched order) by (document, word, order)."""
    corpus_id = counts.corpus.ngram_corpus_id
    scores = NgramScores("scored", corpus_id, WORDS, "clickhouse", smoothing, {"texts": len(texts)})
    numbers = read_word_numbers(client, corpus_id, {word for text in texts for word in text})
    with open_word_units(client, texts, numbers) as units:
        row_count = score_by_counts(client, scores, counts, units, MEMORY_BYTES)
    rows = client.query(
        "select document_id, unit_index, ngram_order, log_prob_nats, matched_order from raw_ngram_score"
        f" where {scores.partition.condition}"
    ).result_rows
    assert len(rows) == row_count
    return {(document, index, order): (value, matched) for document, index, order, value, matched in rows}
