"""Sequences of words that stand in training texts, compared with a search in the whole text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.models.phases.training_texts import find_in_texts
from trailhouse.models.texts import word_stream

SEQUENCES = [
    ("the", "cat", "sat", "on", "the"),
    ("the", "cat", "sat", "on", "the", "mat"),
    ("a", "b", "c", "d", "e", "f", "g"),
]


def test_a_sequence_is_found_word_for_word_only(tmp_path):
    (tmp_path / "a.txt").write_text("x The cat sat on the mat\nthe  cat sat\ton the\nmat. a b c d e f")
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in ("g h", "a b c d e f g")))
    assert find_in_texts(SEQUENCES, [tmp_path / "a.txt"]) == {SEQUENCES[0]}
    assert find_in_texts(SEQUENCES, [tmp_path]) == {SEQUENCES[0], SEQUENCES[2]}
    assert find_in_texts([], [tmp_path / "missing.txt"]) == set()
    with pytest.raises(ValueError, match="has 4 words"):
        find_in_texts([("a", "b", "c", "d")], [tmp_path])


def test_a_sequence_does_not_go_on_in_the_next_text(tmp_path):
    (tmp_path / "a.txt").write_text("a b c d")
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in ("e f g a b c d", "e f g")))
    assert find_in_texts(SEQUENCES, [tmp_path]) == set()


@given(st.data())
def test_sequences_are_found_across_the_borders_of_blocks(tmp_path_factory, data):
    words = data.draw(st.lists(st.sampled_from("abé"), min_size=1, max_size=60))
    starts = data.draw(st.lists(st.tuples(st.integers(0, 59), st.integers(5, 20)), min_size=1, max_size=5))
    present = [tuple(words[start : start + length]) for start, length in starts]
    drawn = data.draw(st.lists(st.lists(st.sampled_from("abé"), min_size=5, max_size=8).map(tuple), max_size=5))
    sequences = {sequence for sequence in [*present, *drawn] if len(sequence) >= 5}
    path = tmp_path_factory.mktemp("texts") / "a.txt"
    path.write_text(" ".join(words))
    joined = [tuple(words[start:end]) for start in range(len(words)) for end in range(start + 5, len(words) + 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_stream, "READ_BYTES", data.draw(st.integers(1, 40)))
        patch.setattr(word_stream, "BLOCK_WORDS", data.draw(st.integers(1, 9)))
        assert find_in_texts(sequences, [path]) == sequences & set(joined)
