"""Similarities in the warehouse: written whole, found again, and summarised."""

from __future__ import annotations

import pyarrow as pa
import pytest

from trailhouse.errors import BadInputError
from trailhouse.warehouse.loading.semantic_similarity import (
    has_similarities,
    load_similarities,
    summarise_similarities,
)
from trailhouse.warehouse.upkeep.lost_rows import find_lost_rows

VECTORS = {
    "vectors_id": "v-1",
    "origin": "file",
    "source": "v.vec",
    "sha256": "a" * 64,
    "dimension": 2,
    "vocabulary_count": 3,
    "settings": "{}",
}
KEY = ("words", "v-1", "a" * 64, "c" * 64, 100)


def make_rows(*rows: tuple[int, str, float | None, bool, int], corpus_sha256: str = "c" * 64) -> pa.Table:
    """Return rows of both weightings from (index, word, cosine, whether the word is known, known context words)."""
    return pa.Table.from_pylist(
        [
            {
                "document_id": 0,
                "word_index": index,
                "weighting": weighting,
                "cosine_similarity": cosine,
                "is_target_known": is_known,
                "context_word_count": 4,
                "known_context_word_count": known_count,
                "word": word,
                "corpus_sha256": corpus_sha256,
                "context_word_limit": 100,
            }
            for index, word, cosine, is_known, known_count in rows
            for weighting in ("unweighted", "position")
        ]
    )


ROWS = make_rows(
    (4, "a", 0.5, True, 4),
    (5, "x", None, False, 2),
    (6, "b", None, True, 0),
    (7, "x", None, False, 1),
    (8, "<y>", None, False, 1),
)


def test_similarities_are_found_again_only_for_the_same_texts_vectors_and_contexts(client):
    assert not has_similarities(client, *KEY)
    assert load_similarities(client, "words", VECTORS, [ROWS]) == 10
    assert has_similarities(client, *KEY)
    for place, other in enumerate(("other", "v-2", "b" * 64, "d" * 64, 50)):
        assert not has_similarities(client, *(other if index == place else one for index, one in enumerate(KEY)))
    client.command("truncate table raw_word_vectors")
    assert not has_similarities(client, *KEY)


def test_new_similarities_replace_the_old_ones_and_leave_those_of_other_corpora(client):
    load_similarities(client, "words", VECTORS, [ROWS])
    load_similarities(client, "others", VECTORS, [ROWS])
    load_similarities(client, "words", VECTORS, [make_rows((4, "a", 0.25, True, 4), corpus_sha256="d" * 64)])
    rows = client.query(
        "select corpus_id, count(), any(corpus_sha256) from raw_semantic_similarity group by corpus_id order by all"
    ).result_rows
    assert rows == [("others", 10, b"c" * 64), ("words", 2, b"d" * 64)]
    assert client.query("select count() from raw_word_vectors final").result_rows == [(1,)]


def test_a_load_that_fails_changes_nothing(client):
    def fail():
        yield ROWS
        raise BadInputError("the texts end", "")

    load_similarities(client, "words", VECTORS, [make_rows((4, "a", 0.25, True, 4))])
    with pytest.raises(BadInputError, match="the texts end"):
        load_similarities(client, "words", VECTORS, fail())
    assert client.query("select count() from raw_semantic_similarity").result_rows == [(2,)]
    with pytest.raises(BadInputError, match="nothing to load"):
        load_similarities(client, "others", {**VECTORS, "vectors_id": "v-2"}, [])
    assert client.query("select vectors_id from raw_word_vectors final").result_rows == [("v-1",)]


def test_the_summary_counts_the_words_and_names_those_without_a_vector_most_frequent_first(client):
    load_similarities(client, "words", VECTORS, [ROWS])
    summary = summarise_similarities(client, "words", "v-1")
    assert (summary.word_count, summary.known_word_count, summary.unknown_target_count) == (5, 1, 3)
    assert summary.known_context_share == 8 / 20
    assert list(summary.unknown_words.items()) == [("x", 2), ("<y>", 1)]


@pytest.mark.parametrize("table", ["raw_semantic_similarity", "raw_word_vectors"])
def test_lost_rows_are_named(client, table):
    load_similarities(client, "words", VECTORS, [ROWS])
    assert find_lost_rows(client) == []
    client.command(f"truncate table {table}")
    (lost,) = find_lost_rows(client)
    assert lost.table == table
    assert lost.found.endswith(": v-1")
    assert "phases similarity" in lost.hint
