"""Counts of n-grams in the warehouse against Python's Counter."""

from collections import Counter

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.counted_ngrams import count_one, count_texts, draw_texts
from tests.support.ngram_models import BEGIN, END, count_ngrams
from trailhouse.errors import BadInputError
from trailhouse.warehouse.ngrams.ngram_corpus import WORDS, NgramCorpus, identify_counts, read_counted_shards
from trailhouse.warehouse.ngrams.reserved_tokens import TEXT_BEGIN, TEXT_END
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts, list_tokens


def read_counts(client, counts: StoredCounts, order: int) -> Counter:
    """Return the stored n-grams of one order, with their words in place of numbers."""
    words = dict(client.query("select word_id, word from raw_ngram_word").result_rows)
    words |= {TEXT_BEGIN: BEGIN, TEXT_END: END}
    rows = client.query(f"select {list_tokens(order)}, occurrences from ({counts.select(order)})").result_rows
    assert len({row[:-1] for row in rows}) == len(rows)
    return Counter({tuple(words[token] for token in row[:-1]): row[-1] for row in rows})


@pytest.mark.parametrize("seed", range(3))
def test_counts_of_shards_add_up_to_those_of_a_counter(client, seed):
    shards = [draw_texts(seed * 10 + index, 40, "abcdefghijklmnop"[: 6 + 3 * index]) for index in range(3)]
    counts = count_texts(client, shards)
    texts = [text for shard in shards for text in shard]
    assert counts.unit_count == sum(map(len, texts))
    for order in range(1, 6):
        assert read_counts(client, counts, order) == count_ngrams(texts, order, has_marks=True)


def test_a_text_longer_than_a_batch_is_counted_as_one(client, monkeypatch):
    monkeypatch.setattr("trailhouse.warehouse.ngrams.windows.BATCH_WINDOWS", 7)
    texts = [*draw_texts(1, 5), [*"abcabcabcabcabcabcabcabcabc"]]
    counts = count_texts(client, [texts])
    for order in range(1, 6):
        assert read_counts(client, counts, order) == count_ngrams(texts, order, has_marks=True)


def test_a_shard_that_is_counted_twice_counts_once(client):
    texts = draw_texts(2, 10)
    once = count_texts(client, [texts])
    again = count_texts(client, [texts])
    assert again == once
    assert read_counts(client, again, 3) == count_ngrams(texts, 3, has_marks=True)


def test_another_shard_changes_the_key_of_the_counts(client):
    first = count_texts(client, [draw_texts(3, 5)])
    both = count_texts(client, [draw_texts(4, 5)])
    assert len(both.shards) == 2
    assert identify_counts(first.corpus, first.shards) != identify_counts(both.corpus, both.shards)


def test_pruning_leaves_out_what_occurs_once_from_an_order_on(client):
    texts = draw_texts(5, 40)
    counts = count_texts(client, [texts], least_pruned_order=3)
    for order in range(1, 6):
        expected = count_ngrams(texts, order, has_marks=True)
        if order >= 3:
            expected = Counter({ngram: count for ngram, count in expected.items() if count > 1})
        assert read_counts(client, counts, order) == expected
    with pytest.raises(BadInputError, match="without n-grams that occur once, from order 3 on, not without pruning"):
        count_texts(client, [texts])


def test_words_keep_their_numbers_when_others_are_added(client):
    count_texts(client, [[["one", "two"]], [["two", "three"], ["naïve", "東京", "'quoted'\\"]]])
    rows = client.query("select word, word_id from raw_ngram_word order by word_id").result_rows
    assert rows == [("one", 1), ("two", 2), ("'quoted'\\", 3), ("naïve", 4), ("three", 5), ("東京", 6)]


def test_a_shard_without_all_of_its_counts_is_not_among_the_counted_ones(client):
    counts = count_texts(client, [draw_texts(6, 5), draw_texts(7, 5)])
    lost, kept = counts.shards
    client.command(f"delete from raw_ngram_count where shard_id = '{lost.shard_id}' and ngram_order = 5")
    assert read_counted_shards(client, counts.corpus) == [kept]


def test_a_count_that_fails_leaves_nothing(client, monkeypatch):
    monkeypatch.setattr(
        "trailhouse.warehouse.ngrams.counting.check_sum",
        lambda *arguments: (_ for _ in ()).throw(DatabaseError("gone")) if arguments[-1] == 4 else None,
    )
    with pytest.raises(DatabaseError, match="gone"):
        count_one(client, NgramCorpus("train", WORDS, 0, 1), draw_texts(8, 5))
    assert client.query("select count() from raw_ngram_count").result_rows == [(0,)]
    assert client.query("select count() from raw_ngram_shard").result_rows == [(0,)]
    assert client.query("select name from system.tables where database = currentDatabase()"
                        " and startsWith(name, 'stage_')").result_rows == []  # fmt: skip


def test_counting_within_little_memory_gives_the_same_counts(client, monkeypatch):
    monkeypatch.setattr("tests.support.counted_ngrams.MEMORY_BYTES", 40 << 20)
    texts = [[f"{word}{index % 97}" for index, word in enumerate(text)] for text in draw_texts(9, 8_000)]
    counts = count_texts(client, [texts])
    for order in (2, 5):
        assert read_counts(client, counts, order) == count_ngrams(texts, order, has_marks=True)
