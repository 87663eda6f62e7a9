"""Word vectors from files of all formats and from training, compared with gensim's own reading."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model

from tests.support.paths import ROOT
from trailhouse.errors import BadInputError
from trailhouse.models.phases import vector_files
from trailhouse.models.phases.trained_vectors import describe_trained_vectors, train_word_vectors
from trailhouse.models.phases.vector_files import describe_vector_file, read_vector_file
from trailhouse.models.phases.word_vectors import VectorsDescription, WordVectors, list_forms, strip_punctuation

WORDS = ["the", "cat", "Straße", "東京", "na\u00a0me", "mat", "x,y", "\u2014"]
ALL = {*WORDS, "missing"}


@pytest.fixture(scope="module")
def reference() -> KeyedVectors:
    vectors = KeyedVectors(vector_size=5)
    vectors.add_vectors(WORDS, np.random.default_rng(1).normal(size=(len(WORDS), 5)).astype(np.float32))
    return vectors


def test_the_text_and_the_binary_file_hold_the_same_vectors(tmp_path, reference):
    reference.save_word2vec_format(tmp_path / "a.vec")
    reference.save_word2vec_format(tmp_path / "a.bin", binary=True)
    for path in (tmp_path / "a.vec", tmp_path / "a.bin"):
        found = read_vector_file(path, ALL)
        assert (found.description.dimension, found.description.vocabulary_count) == (5, len(WORDS))
        assert set(found.vectors) == set(WORDS)
        for word in WORDS:
            np.testing.assert_array_equal(found.vectors[word], reference[word])


@pytest.mark.parametrize("read_bytes", [1, 7, 64])
@pytest.mark.parametrize("separator", [b"", b"\n"])
def test_a_binary_file_is_read_in_parts(tmp_path, reference, monkeypatch, read_bytes, separator):
    """Google's program writes a line break after every vector, and gensim writes none."""
    content = b"8 5\n" + b"".join(word.encode() + b" " + reference[word].tobytes() + separator for word in WORDS)
    (tmp_path / "a.bin").write_bytes(content)
    monkeypatch.setattr(vector_files, "READ_BYTES", read_bytes)
    found = read_vector_file(tmp_path / "a.bin", ALL)
    assert {word: vector.tolist() for word, vector in found.vectors.items()} == {
        word: reference[word].tolist() for word in WORDS
    }


def test_a_fasttext_model_holds_the_vectors_of_its_text_file(tmp_path):
    """Both files of fastText: the .bin model, read through gensim, and the .vec text. No word is made from parts."""
    sentences = [["cats", "sit", "on", "mats"], ["the", "cat", "sat", "on", "a", "mat"]] * 20
    model = FastText(sentences, vector_size=6, min_count=1, bucket=50, seed=1, workers=1, epochs=1)
    save_facebook_model(model, str(tmp_path / "ft.bin"))
    model.wv.save_word2vec_format(tmp_path / "ft.vec")
    binary, text = (read_vector_file(tmp_path / f"ft.{kind}", {"cat", "mats", "catsmats"}) for kind in ("bin", "vec"))
    assert set(binary.vectors) == set(text.vectors) == {"cat", "mats"}
    for word in binary.vectors:
        np.testing.assert_allclose(binary.vectors[word], text.vectors[word], rtol=1e-5)
    assert json.loads(binary.description.settings) == {"format": "fasttext-binary"}
    assert (binary.description.dimension, binary.description.vocabulary_count) == (6, 9)
    assert describe_vector_file(tmp_path / "ft.bin").vectors_id == binary.description.vectors_id


def test_vectors_are_named_after_their_file_and_its_content(tmp_path, reference):
    reference.save_word2vec_format(tmp_path / "wiki.vec")
    description = describe_vector_file(tmp_path / "wiki.vec")
    assert description.vectors_id == f"wiki-{description.sha256[:8]}"
    (tmp_path / "wiki.vec").write_text("1 1\na 1\n")
    assert describe_vector_file(tmp_path / "wiki.vec").vectors_id != description.vectors_id


def test_the_first_vector_of_a_word_counts(tmp_path):
    (tmp_path / "a.vec").write_text("3 2\na 1 2\na 3 4\nb 5 6 \n")
    found = read_vector_file(tmp_path / "a.vec", {"a", "b"})
    assert {word: vector.tolist() for word, vector in found.vectors.items()} == {"a": [1, 2], "b": [5, 6]}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.vec", b"a 1 2\n", "line 1: does not hold the number of words"),
        ("a.vec", b"1 0\n", "line 1"),
        ("a.vec", b"2 2\na 1 2\n", "states 2 words, and the file holds 1"),
        ("a.vec", b"1 2\na 1\n", "line 2: holds 1 numbers instead of 2"),
        ("a.vec", b"1 2\na 1 x\n", "line 2: holds something that is not a number"),
        ("a.vec", b"1 2\na 1 nan\n", "line 2: holds a number that is not finite"),
        ("a.bin", b"1 2\na 1234567", "word 1: the vector is not complete"),
        ("a.bin", b"2 1\na 1234", "states 2 words, and the file holds 1"),
        ("a.bin", b"1 1\na \x00\x00\xc0\x7f", "word 1: holds a number that is not finite"),
        ("a.bin", vector_files.FASTTEXT_MAGIC + b"rest", "cannot be read as a fastText model"),
        ("a.npy", b"", "vectors of this kind are not read"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=problem):
        read_vector_file(tmp_path / name, {"a"})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInputError, match="there is no such file"):
        read_vector_file(tmp_path / "a.vec", {"a"})


def test_words_are_looked_up_as_they_are_then_in_lower_case_then_without_punctuation():
    assert list_forms('"Cat!') == ['"Cat!', '"cat!', "Cat", "cat"]
    assert list_forms("cat") == ["cat"]
    assert list_forms("—") == ["—"]
    assert [strip_punctuation(word) for word in ("(x,y).", "«déjà»", "$5", "`a`", "...", "")] == [
        "x,y",
        "déjà",
        "5",
        "a",
        "",
        "",
    ]
    description = VectorsDescription("v", "file", "", "", 2, 3, "{}")
    one, two, three = (np.asarray(values, np.float32) for values in ((1, 0), (0, 1), (0, 0)))
    vectors = WordVectors(description, {"Cat": one, "cat": two, "zero": three, "MAT": one})
    matrix, rows = vectors.find_rows(["Cat", "cat.", "CAT", "Zero", "mat", "(MAT)"])
    assert {word: matrix[row].tolist() for word, row in rows.items()} == {
        "Cat": [1, 0],
        "cat.": [0, 1],
        "CAT": [0, 1],
        "(MAT)": [1, 0],
    }


TRAIN = """
import sys
from pathlib import Path
from trailhouse.models.phases.trained_vectors import train_word_vectors
found = train_word_vectors([Path(sys.argv[1])], {"cat", "mat", "Cat", "rare"})
print(found.description.vectors_id, found.description.vocabulary_count, sorted(found.vectors))
print(found.vectors["cat"].tobytes().hex())
"""


def test_training_gives_the_same_vectors_in_every_process(tmp_path):
    """Words are trained in lower case without punctuation. Python's hashes differ between the processes."""
    (tmp_path / "a.txt").write_text('The cat sat on the mat. "The mat" lay under the cat; rare\n' * 10 + "rarest")
    outputs = [
        subprocess.run(
            [sys.executable, "-c", TRAIN, str(tmp_path / "a.txt")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].splitlines()[0].endswith("8 ['cat', 'mat', 'rare']")


def test_the_texts_and_the_settings_name_trained_vectors(tmp_path):
    (tmp_path / "a.txt").write_text("a b c")
    first = describe_trained_vectors([tmp_path / "a.txt"])
    assert first.vectors_id == f"word2vec-{first.sha256[:8]}"
    assert json.loads(first.settings)["workers"] == 1
    (tmp_path / "a.txt").write_text("a b d")
    assert describe_trained_vectors([tmp_path / "a.txt"]).vectors_id != first.vectors_id


def test_texts_in_which_no_word_is_frequent_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a b c")
    with pytest.raises(BadInputError, match="no word occurs 5 times"):
        train_word_vectors([tmp_path / "a.txt"], {"a"})
