"""This module describes training corpora of n-grams and their shards, and records which shards are counted.

The row of a shard is written after its counts. A shard that was killed in between is counted again, with equal counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import answering_promptly, read_row
from trailhouse.warehouse.loading.catalogue import read_records, upsert
from trailhouse.warehouse.loading.partition_load import Partition
from trailhouse.warehouse.upkeep.large_tables import ANY_SIZE

WORDS = "words"
"""The vocabulary_id of n-grams of words. Any other vocabulary_id is a tokenizer_id."""
CORPUS_KEY = ("ngram_corpus_id", "vocabulary_id")


@dataclass(frozen=True)
class NgramCorpus:
    """A training corpus whose n-grams are counted in one vocabulary. Its fields are columns of raw_ngram_corpus."""

    ngram_corpus_id: str
    vocabulary_id: str
    least_pruned_order: int
    shard_byte_limit: int

    @property
    def condition(self) -> str:
        """The rows of this corpus and vocabulary as a WHERE condition."""
        corpus, vocabulary = quote_literal(self.ngram_corpus_id), quote_literal(self.vocabulary_id)
        return f"ngram_corpus_id = {corpus} and vocabulary_id = {vocabulary}"

    @property
    def unit(self) -> str:
        """What the n-grams consist of: word or token."""
        return "word" if self.vocabulary_id == WORDS else "token"


@dataclass(frozen=True)
class ShardPart:
    """The place of a shard in a file. Together with the content of the file it identifies the shard."""

    file_sha256: str
    part_index: int

    @property
    def shard_id(self) -> str:
        """The name of the shard in the tables."""
        return f"{self.file_sha256[:16]}-{self.part_index}"

    def partition(self, corpus: NgramCorpus) -> Partition:
        """The partition of raw_ngram_count that holds the counts of the shard."""
        key = (*((name, getattr(corpus, name)) for name in CORPUS_KEY), ("shard_id", self.shard_id))
        return Partition("raw_ngram_count", key)


@dataclass(frozen=True)
class CountedShard:
    """A shard and its size. Its fields are columns of raw_ngram_shard."""

    shard_id: str
    file_sha256: str
    part_index: int
    is_last_part: bool
    source: str
    document_count: int
    byte_count: int
    unit_count: int
    row_count: int
    word_count: int


def declare_ngram_corpus(client: Client, corpus: NgramCorpus) -> NgramCorpus:
    """Write the row of a corpus unless there is one, and return the corpus as it is stored.

    A stored corpus keeps its ``shard_byte_limit``, because shards of other sizes would count texts twice. Raises
    BadInputError if it was counted with another pruning.
    """
    for stored in read_ngram_corpora(client, corpus.ngram_corpus_id):
        if stored.vocabulary_id != corpus.vocabulary_id:
            continue
        if stored.least_pruned_order != corpus.least_pruned_order:
            raise BadInputError(
                f"n-gram corpus {corpus.ngram_corpus_id!r} was counted {describe_pruning(stored.least_pruned_order)},"
                f" not {describe_pruning(corpus.least_pruned_order)}",
                "prune as before, or count into a corpus of another name",
            )
        return stored
    upsert(client, "raw_ngram_corpus", CORPUS_KEY, [asdict(corpus)])
    return corpus


def describe_pruning(least_pruned_order: int) -> str:
    """Return in words which n-grams are not stored."""
    if not least_pruned_order:
        return "without pruning"
    return f"without n-grams that occur once, from order {least_pruned_order} on"


def read_ngram_corpora(client: Client, ngram_corpus_id: str) -> list[NgramCorpus]:
    """Return the vocabularies in which a corpus was counted; an empty list if it never was."""
    columns = [*CORPUS_KEY, "least_pruned_order", "shard_byte_limit"]
    rows = read_records(client, "raw_ngram_corpus", columns, CORPUS_KEY)
    return [
        NgramCorpus(str(row[0]), str(row[1]), int(str(row[2])), int(str(row[3])))
        for key, row in sorted(rows.items(), key=lambda item: str(item[0]))
        if key[0] == ngram_corpus_id
    ]


def read_counted_shards(client: Client, corpus: NgramCorpus) -> list[CountedShard]:
    """Return the shards whose counts are stored completely, ordered by their names.

    There are none if words of the corpus are gone, because the counts hold only their numbers.
    """
    shards = _read_complete_shards(client, corpus)
    return [] if _has_lost_words(client, corpus, shards) else shards


def require_counted_shards(client: Client, corpus: NgramCorpus) -> list[CountedShard]:
    """Return the shards of a corpus. Raises BadInputError if counts or words that were recorded are gone."""
    shards = read_counted_shards(client, corpus)
    recorded_count = read_row(client, f"select count() from raw_ngram_shard final where {corpus.condition}")[0]
    if len(shards) != recorded_count:
        raise BadInputError(
            f"n-gram corpus {corpus.ngram_corpus_id!r}: {recorded_count - len(shards)} of its {recorded_count} shards"
            " have lost counts or words",
            "run `trailhouse phases count` with the same files, name and options",
        )
    return shards


def drop_counts_without_words(client: Client, corpus: NgramCorpus) -> bool:
    """Drop the counts of a corpus if words are gone whose numbers they hold. Return whether anything was dropped.

    Otherwise words that are numbered again would be taken for others.
    """
    shards = _read_complete_shards(client, corpus)
    if not _has_lost_words(client, corpus, shards):
        return False
    rows = client.query(f"select distinct shard_id from raw_ngram_count where {corpus.condition}").result_rows
    for (shard_id,) in rows:
        key = (*((name, getattr(corpus, name)) for name in CORPUS_KEY), ("shard_id", str(shard_id)))
        partition = Partition("raw_ngram_count", key)
        client.command(f"alter table raw_ngram_count drop partition {partition.expression}", settings=ANY_SIZE)
    return True


def _read_complete_shards(client: Client, corpus: NgramCorpus) -> list[CountedShard]:
    columns = list(CountedShard.__dataclass_fields__)
    with answering_promptly(client):
        rows = client.query(
            f"select {', '.join(columns)} from (select * from raw_ngram_shard final where {corpus.condition}) as shard"
            f" inner join (select shard_id, count() as stored_count from raw_ngram_count where {corpus.condition}"
            " group by shard_id) as stored using (shard_id)"
            " where stored_count = row_count order by shard_id",
            column_formats={"file_sha256": "string"},
        ).named_results()
        return [CountedShard(**row) for row in rows]


def _has_lost_words(client: Client, corpus: NgramCorpus, shards: Sequence[CountedShard]) -> bool:
    stated_count = max((shard.word_count for shard in shards), default=0)
    with answering_promptly(client):
        stored_count = read_row(
            client,
            "select count() from raw_ngram_word where ngram_corpus_id = {id:String}",
            {"id": corpus.ngram_corpus_id},
        )[0]
    return bool(stored_count < stated_count)


def record_shard(client: Client, corpus: NgramCorpus, shard: CountedShard) -> None:
    """Write the row of a shard whose counts are stored."""
    keys = {name: getattr(corpus, name) for name in CORPUS_KEY}
    upsert(client, "raw_ngram_shard", (*CORPUS_KEY, "shard_id"), [{**keys, **asdict(shard)}])


def identify_counts(corpus: NgramCorpus, shards: Sequence[CountedShard]) -> str:
    """Return a SHA-256 of everything that determines the counts of a corpus."""
    parts = [corpus.vocabulary_id, str(corpus.least_pruned_order), str(corpus.shard_byte_limit)]
    parts += sorted(f"{shard.file_sha256} {shard.part_index}" for shard in shards)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
