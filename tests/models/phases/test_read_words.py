"""Words in context from TSV files."""

from __future__ import annotations

import json

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.phases.read_words import read_words_in_context


def read(tmp_path, content: str | bytes):
    path = tmp_path / "words.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_words_in_context("words", path)


def test_columns_are_found_by_name_and_white_space_becomes_single_spaces(tmp_path):
    corpus = read(
        tmp_path,
        "\ufeffsplit\tid\ttarget\tcontext\r\ntest\t1\tmat\t the cat\u3000 sat on the \r\n\ntrain\t2\tc\ta b\r\n",
    )
    assert [document.text for document in corpus.documents] == ["the cat sat on the mat", "a b c"]
    assert [document.document_name for document in corpus.documents] == ["words.tsv:2", "words.tsv:4"]
    assert [json.loads(document.provenance)["split"] for document in corpus.documents] == ["test", "train"]
    assert json.loads(corpus.documents[0].provenance) == {
        "split": "test",
        "target": "mat",
        "target_word_index": 5,
        "source_corpus_id": "",
        "source_document_id": -1,
        "source_word_index": -1,
    }
    assert corpus.documents[0].scored_from_byte == len("the cat sat on the")
    assert {document.kind for document in corpus.documents} == {"word-in-context"}


def test_without_a_split_all_words_are_training_words(tmp_path):
    corpus = read(tmp_path, 'context\ttarget\n"He said\tno\n')
    assert json.loads(corpus.documents[0].provenance)["split"] == "train"
    assert corpus.documents[0].text == '"He said no'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("context\ttarget\na b\tc\nx\n", "row 3: has 1 fields, and the header has 2"),
        ("context\ttarget\na b\tc\td\n", "row 2: has 3 fields"),
        ("context\ttarget\na b\tc d\n", "row 2, target: has 2 words"),
        ("context\ttarget\na b\t \n", "row 2, target: is empty"),
        ("context\ttarget\n \tb\n", "row 2, context: is empty"),
        ("context\ttarget\tsplit\na\tb\tdev\n", "row 2, split: 'dev' is no split"),
        ('context\ttarget\n"a ""b"" c"\td\n', "row 2, context: is quoted"),
        ("context\tword\na\tb\n", "row 1: there is no column target"),
        ("context\ttarget\ttarget\na\tb\tc\n", "row 1: there are two columns target"),
        (b"context\ttarget\na\tb\n\xff\tb\n", "row 3: not UTF-8"),
        ("context\ttarget\n", "holds no words"),
        ("", "row 1: there is no column context"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_column(tmp_path, content, problem):
    with pytest.raises(BadInputError, match=problem):
        read(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"none\.tsv: cannot be read"):
        read_words_in_context("words", tmp_path / "none.tsv")


def test_another_split_makes_another_corpus(tmp_path):
    """Otherwise a corpus with a corrected split would count as already there."""
    first, second = (read(tmp_path, f"context\ttarget\tsplit\na b\tc\t{split}\n") for split in ("train", "test"))
    assert first.corpus_sha256 != second.corpus_sha256
