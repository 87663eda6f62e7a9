"""This module numbers the words of a training corpus of n-grams. A number stands for a word in the counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.partition_load import LOAD_SETTINGS
from trailhouse.warehouse.ngrams.reserved_tokens import UNKNOWN_WORD
from trailhouse.warehouse.ngrams.scratch_tables import open_scratch_table
from trailhouse.warehouse.ngrams.windows import TokenNumbers
from trailhouse.warehouse.reading.query import ARROW_SETTINGS


class WordNumbers:
    """The numbers of the words of one shard. New words get the next numbers and are stored at once.

    Only one process at a time may number the words of a corpus.
    """

    def __init__(self, client: Client, ngram_corpus_id: str) -> None:
        self._client = client
        self._ngram_corpus_id = ngram_corpus_id
        self._known: dict[str, int] = {}

    def number_texts(self, texts: Sequence[Sequence[str]]) -> list[TokenNumbers]:
        """Return the numbers of the words of every text."""
        if new := set(chain.from_iterable(texts)).difference(self._known):
            self._add(new)
        known = self._known.__getitem__
        return [np.fromiter(map(known, words), np.uint32, len(words)) for words in texts]

    def _add(self, words: Collection[str]) -> None:
        self._known |= read_word_numbers(self._client, self._ngram_corpus_id, words)
        new = sorted(word for word in words if word not in self._known)
        if not new:
            return
        condition = f"ngram_corpus_id = {quote_literal(self._ngram_corpus_id)}"
        first = int(read_row(self._client, f"select max(word_id) from raw_ngram_word where {condition}")[0]) + 1
        numbers = np.arange(first, first + len(new), dtype=np.uint32)
        columns = {
            "ngram_corpus_id": pa.array([self._ngram_corpus_id]).take(pa.array(np.zeros(len(new), np.int32))),
            "word": pa.array(new),
            "word_id": pa.array(numbers),
            "added_at": pa.array([datetime.now(UTC)] * len(new), pa.timestamp("ms", tz="UTC")),
        }
        self._client.insert_arrow("raw_ngram_word", pa.table(columns), settings=LOAD_SETTINGS)
        self._known.update(zip(new, numbers.tolist(), strict=True))


def read_word_numbers(client: Client, ngram_corpus_id: str, words: Collection[str]) -> dict[str, int]:
    """Return the numbers of those words that occur in the training corpus."""
    with open_scratch_table(client, "ngram_word", "word String") as table:
        client.insert_arrow(table, pa.table({"word": pa.array(list(words), pa.string())}), settings=LOAD_SETTINGS)
        found = client.query_arrow(
            f"select word, word_id from raw_ngram_word where ngram_corpus_id = {quote_literal(ngram_corpus_id)}"
            f" and word in (select word from {table})",
            settings=ARROW_SETTINGS,
        )
    return dict(zip(found["word"].to_pylist(), found["word_id"].to_pylist(), strict=True))


def number_known_words(numbers: dict[str, int], words: Sequence[str]) -> TokenNumbers:
    """Return the number of every word; UNKNOWN_WORD for words that do not occur in the training corpus."""
    return np.fromiter((numbers.get(word, UNKNOWN_WORD) for word in words), np.uint32, len(words))


def check_word_numbers(client: Client, ngram_corpus_id: str) -> int:
    """Return the number of words of a training corpus.

    Raises RuntimeError if two processes numbered words at the same time, so that numbers are not unique.
    """
    count, word_count, number_count = read_row(
        client,
        "select count(), uniqExact(word), uniqExact(word_id) from raw_ngram_word where ngram_corpus_id = {id:String}",
        {"id": ngram_corpus_id},
    )
    if not count == word_count == number_count:
        raise RuntimeError(
            f"n-gram corpus {ngram_corpus_id!r}: {count} rows number {word_count} words {number_count} ways"
        )
    return int(count)
