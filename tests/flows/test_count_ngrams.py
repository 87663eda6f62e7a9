"""`trailhouse phases count`: files become shards, and what is counted is not counted again."""

import json
import os
import signal
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.counted_ngrams import draw_texts
from tests.support.ngram_models import count_ngrams
from trailhouse.flows.count_ngrams import ShardCounter
from trailhouse.models.phases.ngram_shards import hash_text_files
from trailhouse.models.texts.tokenizer import load_tokenizer
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.ngrams.ngram_corpus import WORDS, NgramCorpus, declare_ngram_corpus, read_counted_shards
from trailhouse.warehouse.ngrams.reserved_tokens import LARGEST_TOKEN

SHARD_BYTES = 40
COUNTS = (
    "select ngram_order, token_1, token_2, token_3, token_4, token_5, sum(occurrence_count) from raw_ngram_count"
    " where ngram_corpus_id = '{}' group by all order by all"
)


@pytest.fixture
def count(trailhouse):
    """Run `phases count`; returns (exit code, report, stderr)."""

    def run(*arguments: str) -> tuple[int, dict, str]:
        code, out, err = trailhouse("phases", "count", "--name", "train", "--json", *arguments)
        return code, json.loads(out) if out else {}, err

    return run


def write_files(folder) -> list[list[str]]:
    """Write texts to a file of each kind, and return the texts."""
    texts = [" ".join(text) for text in draw_texts(1, 12)]
    (folder / "one.txt").write_text(texts[0])
    (folder / "some.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[1:7]))
    pq.write_table(pa.table({"text": texts[7:]}), folder / "others.parquet")
    return [text.split() for text in texts]


def read_word_counts(client, order: int, name: str = "train") -> Counter:
    """Return the stored n-grams of words of one order, without those that contain the beginning or end of a text."""
    words = dict(client.query(f"select word_id, word from raw_ngram_word where ngram_corpus_id = '{name}'").result_rows)
    rows = [row for row in client.query(COUNTS.format(name)).result_rows if row[0] == order]
    return Counter(
        {tuple(words[token] for token in row[1 : 1 + order]): row[-1] for row in rows
         if max(row[1 : 1 + order]) <= LARGEST_TOKEN}
    )  # fmt: skip


def test_files_of_every_kind_are_counted_once_and_only_a_new_file_is_counted_next_time(count, client, tmp_path):
    texts = write_files(tmp_path)
    code, report, err = count("--corpus", "one.txt", "--corpus", "some.jsonl", "--words")
    assert (code, report["counted_shard_count"], report["known_shard_count"]) == (0, 2, 0), err
    code, report, _ = count("--corpus", ".", "--words")
    assert (code, report["counted_shard_count"], report["known_shard_count"]) == (0, 1, 2)
    assert report["unit_count"] == sum(map(len, texts[7:]))
    assert count("--corpus", ".", "--words")[1]["counted_shard_count"] == 0
    for order in range(1, 6):
        assert read_word_counts(client, order) == count_ngrams(texts, order)


def test_tokens_of_a_model_are_counted_beside_words(count, client, make_tiny_suite, tmp_path):
    suite = make_tiny_suite("tiny", [1])
    write_files(tmp_path)
    assert count("--corpus", "some.jsonl", "--words")[0] == 0
    code, report, err = count("--corpus", "some.jsonl", "--tokenizer-of", str(suite.declaration))
    assert code == 0, err
    tokenizer = load_tokenizer(suite.step(1))
    texts = [json.loads(line)["text"] for line in (tmp_path / "some.jsonl").read_text().splitlines()]
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert report["unit_count"] == sum(map(len, tokens))
    rows = client.query(
        "select token_1, token_2, sum(occurrence_count) from raw_ngram_count where vocabulary_id != 'words'"
        f" and ngram_order = 2 and greatest(token_1, token_2) <= {LARGEST_TOKEN} group by all"
    ).result_rows
    assert Counter({row[:2]: row[2] for row in rows}) == count_ngrams(tokens, 2)


def test_a_large_file_is_several_shards_that_are_cut_at_the_same_places_again(client, tmp_path):
    texts = write_files(tmp_path)
    path = tmp_path / "some.jsonl"
    corpus = declare_ngram_corpus(client, NgramCorpus("train", WORDS, 0, SHARD_BYTES))
    counter = ShardCounter(client, corpus, None, 1 << 30)
    counted = counter.count_files(hash_text_files([path]), [])
    assert len(counted) > 2
    assert [shard.is_last_part for shard in counted] == [False] * (len(counted) - 1) + [True]
    assert all(shard.byte_count >= SHARD_BYTES for shard in counted[:-1])
    client.command("truncate table raw_ngram_shard")
    again = counter.count_files(hash_text_files([path]), [])
    assert again == counted
    assert read_word_counts(client, 2) == count_ngrams(texts[1:7], 2)


def test_a_changed_file_is_refused_and_nothing_is_counted(count, client, tmp_path):
    write_files(tmp_path)
    assert count("--corpus", "one.txt", "--words")[0] == 0
    before = client.query(COUNTS.format("train")).result_rows
    (tmp_path / "one.txt").write_text("another text")
    code, _, err = count("--corpus", ".", "--words")
    assert (code, "one.txt: was changed since it was counted" in err) == (3, True)
    assert client.query(COUNTS.format("train")).result_rows == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--corpus", "one.txt"), "it is not clear what to count"),
        (("--corpus", "one.txt", "--words", "--tokenizer-of", "x"), "it is not clear what to count"),
        (("--corpus", "none.txt", "--words"), "none.txt: there is no such file"),
    ],
)
def test_wrong_options_are_refused(count, tmp_path, arguments, message):
    (tmp_path / "one.txt").write_text("a text")
    code, _, err = count(*arguments)
    assert (code in (2, 3), message in err) == (True, True), err


def test_lost_words_are_numbered_again_with_all_counts(count, client, tmp_path):
    texts = write_files(tmp_path)
    assert count("--corpus", ".", "--words")[0] == 0
    client.command("delete from raw_ngram_word where word_id < 3")
    code, report, err = count("--corpus", ".", "--words")
    assert (code, report["counted_shard_count"], "words are gone" in err) == (0, 3, True)
    assert read_word_counts(client, 3) == count_ngrams(texts, 3)


def count_until_killed(address, path: Path, request_number: int) -> None:
    """Count a file as several shards, and kill this process before a request to the warehouse."""
    with connect(address) as client:
        corpus = declare_ngram_corpus(client, NgramCorpus("train", WORDS, 0, SHARD_BYTES))
        send, sent_count = client._backend.request, 0

        def send_or_die(*arguments, **options):
            nonlocal sent_count
            sent_count += 1
            if sent_count == request_number:
                os.kill(os.getpid(), signal.SIGKILL)
            return send(*arguments, **options)

        client._backend.request = send_or_die
        ShardCounter(client, corpus, None, 1 << 30).count_files(hash_text_files([path]), [])


@pytest.mark.slow
def test_a_killed_count_loses_and_doubles_nothing(address, client, tmp_path):
    texts = write_files(tmp_path)
    path = tmp_path / "some.jsonl"
    partial_counts = set()
    for request_number in (2, 12, 20, 27, 33, 50):
        process = get_context("spawn").Process(target=count_until_killed, args=(address, path, request_number))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, request_number
        corpus = NgramCorpus("train", WORDS, 0, SHARD_BYTES)
        known = read_counted_shards(client, corpus)
        partial_counts.add(len(known))
        ShardCounter(client, corpus, None, 1 << 30).count_files(hash_text_files([path]), known)
        for order in (1, 2, 5):
            assert read_word_counts(client, order) == count_ngrams(texts[1:7], order), request_number
        for table in ("raw_ngram_count", "raw_ngram_shard", "raw_ngram_word"):
            client.command(f"truncate table {table}")
    assert partial_counts >= {0, 1}
