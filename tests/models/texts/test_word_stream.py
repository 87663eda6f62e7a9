"""The words of files, read in parts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.errors import BadInputError
from trailhouse.models.texts import word_stream
from trailhouse.models.texts.corpus import read_corpus
from trailhouse.models.texts.word_stream import stream_words


@given(st.text(st.sampled_from("aé京👩 \n\u3000\x1c"), max_size=60), st.integers(1, 20), st.integers(1, 5))
def test_the_words_of_a_text_do_not_depend_on_how_it_is_read(tmp_path_factory, text, read_bytes, block_words):
    path = tmp_path_factory.mktemp("texts") / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_stream, "READ_BYTES", read_bytes)
        patch.setattr(word_stream, "BLOCK_WORDS", block_words)
        if not text.split():
            with pytest.raises(BadInputError, match="is empty"):
                list(stream_words([path]))
            return
        blocks = list(stream_words([path]))
    assert [word for block in blocks for word in block.words] == text.split()
    assert [block.is_beginning for block in blocks] == [True] + [False] * (len(blocks) - 1)
    assert all(1 <= len(block.words) <= block_words for block in blocks)


def test_the_texts_of_all_files_are_those_of_a_corpus(tmp_path):
    (tmp_path / "a.txt").write_text("one two")
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("three four", "five")))
    texts = [document.text.split() for document in read_corpus("c", [tmp_path]).documents]
    assert [block.words for block in stream_words([tmp_path])] == texts
    assert all(block.is_beginning for block in stream_words([tmp_path]))


@pytest.mark.parametrize("read_bytes", [1, 4, 1000])
def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path, monkeypatch, read_bytes):
    monkeypatch.setattr(word_stream, "READ_BYTES", read_bytes)
    (tmp_path / "a.txt").write_bytes("é\nb\nc ".encode() + b"\xff d\n e")
    with pytest.raises(BadInputError, match="line 3: not UTF-8"):
        list(stream_words([tmp_path / "a.txt"]))
