"""Similarities of words and contexts, compared with direct computations in numpy and with gensim."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.models.phases import similarity as similarity_module
from trailhouse.models.phases.similarity import (
    SIMILARITY_SCHEMA,
    build_similarity_tables,
    compute_similarities,
    count_targets,
    list_wanted_forms,
)
from trailhouse.models.phases.word_sampling import WordInContext
from trailhouse.models.phases.word_vectors import VectorsDescription, WordVectors
from trailhouse.models.texts.corpus import Corpus, Document

NAMES = [f"w{index}" for index in range(12)]
GENERATOR = np.random.default_rng(7)
MATRIX = GENERATOR.normal(size=(len(NAMES), 6)).astype(np.float32)
VECTORS = WordVectors(VectorsDescription("v", "file", "", "", 6, 12, "{}"), dict(zip(NAMES, MATRIX, strict=True)))


def compute_directly(words: list[str], index: int, limit: int) -> tuple[float | None, float | None, int, int]:
    """Return both cosines from the definition, and the numbers of context words and of known context words."""
    context = words[max(0, index - limit) : index]
    known = [
        (place, VECTORS.vectors[word].astype(np.float64)) for place, word in enumerate(context, 1) if word in NAMES
    ]
    if words[index] not in NAMES or not known:
        return None, None, len(context), len(known)
    target = VECTORS.vectors[words[index]].astype(np.float64)
    cosines = []
    for weights in ([1.0] * len(known), [place / sum(range(1, len(context) + 1)) for place, _ in known]):
        mean = sum(weight * vector for weight, (_, vector) in zip(weights, known, strict=True)) / sum(weights)
        cosines.append(float(target @ mean / np.linalg.norm(target) / np.linalg.norm(mean)))
    return cosines[0], cosines[1], len(context), len(known)


def read_rows(corpus: Corpus, limit: int) -> list[dict]:
    tables = list(build_similarity_tables(corpus, VECTORS, limit))
    return pa.concat_tables(tables).to_pylist() if tables else []


@pytest.mark.parametrize("block_words", [1, 7, 4_096])
@pytest.mark.parametrize("limit", [4, 9, 100])
def test_every_word_after_the_fourth_has_the_cosines_of_the_definition(monkeypatch, block_words, limit):
    monkeypatch.setattr(similarity_module, "BLOCK_WORDS", block_words)
    monkeypatch.setattr(similarity_module, "TABLE_ROWS", 50)
    words = GENERATOR.choice([*NAMES, "unknown", "other"], 150).tolist()
    corpus = Corpus("c", "", "", (Document("a", " ".join(words)), Document("b", "one two"), Document("c", "w0 " * 6)))
    rows = read_rows(corpus, limit)
    assert count_targets(corpus) == len(rows) / 2 == 146 + 0 + 2
    assert {row["corpus_sha256"] for row in rows} == {corpus.corpus_sha256}
    assert {row["context_word_limit"] for row in rows} == {limit}
    for left, right in zip(rows[::2], rows[1::2], strict=True):
        assert (left["weighting"], right["weighting"]) == ("unweighted", "position")
        text = corpus.documents[left["document_id"]].text.split()
        unweighted, position, count, known = compute_directly(text, left["word_index"], limit)
        for row, expected in ((left, unweighted), (right, position)):
            assert row["word"] == text[row["word_index"]]
            assert row["is_target_known"] == (row["word"] in NAMES)
            assert (row["context_word_count"], row["known_context_word_count"]) == (count, known)
            if expected is None:
                assert row["cosine_similarity"] is None
            else:
                assert row["cosine_similarity"] == pytest.approx(expected, abs=1e-6)
    assert [row["word_index"] for row in rows[:292:2]] == list(range(4, 150))


def test_the_unweighted_cosine_of_unit_vectors_is_that_of_gensim():
    """Gensim's n_similarity averages vectors of length 1 in recent versions, and the vectors as they are in others."""
    units = MATRIX / np.linalg.norm(MATRIX, axis=1, keepdims=True)
    reference = KeyedVectors(vector_size=6)
    reference.add_vectors(NAMES, units)
    rows = np.arange(12)
    found = compute_similarities(units, rows, 4, 12, 100)
    for index in range(4, 12):
        expected = reference.n_similarity([NAMES[index]], NAMES[:index])
        assert found.cosine[0, index - 4] == pytest.approx(float(expected), abs=1e-6)
        mean = reference.get_mean_vector(NAMES[:index], weights=np.arange(1, index + 1), pre_normalize=False)
        direct = reference.cosine_similarities(units[index], mean[None])[0]
        assert found.cosine[1, index - 4] == pytest.approx(float(direct), abs=1e-6)


def test_a_word_in_context_is_compared_with_its_whole_context():
    word = WordInContext(tuple(NAMES[:9]), "w9").as_document("a", "train")
    short = WordInContext(("w0",), "W1.").as_document("b", "test")
    corpus = Corpus("c", "", "", (word, short))
    rows = read_rows(corpus, 4)
    assert count_targets(corpus) == 2
    assert [(row["document_id"], row["word_index"], row["context_word_count"]) for row in rows[::2]] == [
        (0, 9, 9),
        (1, 1, 1),
    ]
    assert rows[0]["cosine_similarity"] == pytest.approx(compute_directly([*NAMES[:10]], 9, 100)[0], abs=1e-6)
    assert rows[2]["cosine_similarity"] == pytest.approx(compute_directly(["w0", "w1"], 1, 100)[0], abs=1e-6)
    assert rows[2]["word"] == "W1."


def test_vectors_without_a_direction_give_no_similarity():
    matrix = np.asarray([[1, 0], [-1, 0]], np.float32)
    found = compute_similarities(matrix, np.asarray([0, 1, 0, 1, 0]), 4, 5, 2)
    assert np.isnan(found.cosine[0, 0])
    assert found.cosine[1, 0] == -1.0
    assert (found.known_context_word_count[0], found.is_target_known[0]) == (2, True)


def test_a_long_document_keeps_its_digits():
    """The sums of a block begin anew, so that they stay small."""
    rows = GENERATOR.integers(0, 12, 30_000)
    whole = compute_similarities(MATRIX, rows, 29_990, 30_000, 100)
    words = [NAMES[row] for row in rows]
    for place, index in enumerate(range(29_990, 30_000)):
        unweighted, position, _, _ = compute_directly(words, index, 100)
        assert whole.cosine[:, place] == pytest.approx([unweighted, position], abs=1e-9)


@given(st.lists(st.sampled_from([*NAMES, "unknown"]), min_size=1, max_size=30), st.integers(4, 12), st.integers(1, 9))
def test_blocks_do_not_change_a_similarity(words, limit, block_words):
    corpus = Corpus("c", "", "", (Document("a", " ".join(words)),))
    whole = read_rows(corpus, limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity_module, "BLOCK_WORDS", block_words)
        parts = read_rows(corpus, limit)
    assert len(whole) == len(parts) == 2 * max(0, len(words) - 4)
    for left, right in zip(whole, parts, strict=True):
        assert left["cosine_similarity"] == pytest.approx(right["cosine_similarity"], abs=1e-6)
        assert left["cosine_similarity"] is None or -1 <= left["cosine_similarity"] <= 1
        assert {**left, "cosine_similarity": 0} == {**right, "cosine_similarity": 0}


def test_only_the_forms_of_words_that_occur_are_wanted():
    corpus = Corpus("c", "", "", (Document("a", 'The "cat" the'),))
    assert list_wanted_forms(corpus) == {"The", "the", '"cat"', "cat"}


def test_only_the_cosine_may_be_null():
    assert [field.name for field in SIMILARITY_SCHEMA if field.nullable] == ["cosine_similarity"]
