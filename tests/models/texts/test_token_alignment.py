"""How the bytes of a text are divided between tokens whose offsets overlap or leave gaps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from trailhouse.models.texts import token_alignment
from trailhouse.models.texts.token_alignment import TokenAligner


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], 0),
        ([(0, 3)], 3),
        ([(2, 4), (6, 7)], 3),
        ([(0, 4), (2, 6)], 6),
        ([(0, 4), (1, 3), (3, 5)], 5),
        ([(1, 3), (1, 3), (3, 3)], 2),
    ],
)
def test_bytes_that_several_spans_cover_count_once(spans, expected):
    assert token_alignment._measure_union(spans) == expected
    assert len({byte for start, end in spans for byte in range(start, end)}) == expected


@pytest.mark.parametrize(
    ("gap", "count"), [("", 0), ("ab", 2), (" ab", 0), ("é b", 2), ("a\n", 1), ("東\u3000京", 3), ("  ", 0)]
)
def test_dropped_text_before_its_first_white_space_belongs_to_the_earlier_token(gap, count):
    assert token_alignment._count_dropped_bytes(gap.encode()) == count


@pytest.mark.parametrize("text", ["é", "अ", "東", "🙂", "\U0001f469", "ÿ", "\u0080", "\u0800", "\U00010000"])
def test_the_bytes_of_an_incomplete_character_at_the_end_are_found(text):
    whole = text.encode()
    for cut in range(1, len(whole)):
        for before in (b"", b"a", "é".encode()):
            assert token_alignment._read_incomplete_character(before + whole[:cut]) == whole[:cut]
    for complete in (whole, whole + b"a", b"a", whole[1:], b""):
        assert token_alignment._read_incomplete_character(complete) == b""


@pytest.mark.parametrize(
    ("content", "piece", "next_piece", "previous", "shared", "expected"),
    [
        ("a", b"x", b"a", 0, (0, 1), 0),  # the next token spells what both share
        ("ba", b"x", b"a", 0, (1, 2), 1),
        ("ba", b"x", b"a", 2, (1, 2), 2),  # the first token begins after it
        ("a", b" ", b"x", 0, (0, 1), 0),  # the tokenizer inserted white space
        (" ", b" ", b"x", 0, (0, 1), 1),
        ("é", "é".encode()[:1], b"x", 0, (0, 2), 1),  # the first token is a byte of the character
        ("aé", b"a" + "é".encode()[:1], b"x", 0, (1, 3), 2),
        ("Aé", b"a" + "é".encode()[:1], b"x", 0, (1, 3), 2),  # and the tokenizer changed the letter before it
        ("É", b"e", b"x", 0, (0, 2), 2),  # the tokenizer replaced the character: the first token gets it all
        ("ab", b"a", b"x", 0, (1, 2), 1),
        ("abc", b"abc", b"x", 0, (0, 3), 3),
        ("abc", b"abc", b"x", 0, (0, 2), 2),
        ("é", "è".encode()[:1] + b"\xff", b"", 0, (0, 2), 2),
    ],
)
def test_a_shared_character_is_divided_by_the_bytes_that_the_tokens_stand_for(
    content, piece, next_piece, previous, shared, expected
):
    assert token_alignment._divide(content.encode(), piece, next_piece, previous, *shared) == expected


@pytest.mark.parametrize(
    ("content", "pieces", "spans", "expected"),
    [
        (b"abc", [b"a", b"b", b"c"], [(0, 1), (1, 2), (2, 3)], [1, 2]),
        (b"a- b", [b"a", b"b"], [(0, 1), (3, 4)], [2]),
        (b"ab", [b"ab"], [(0, 2)], []),
        (b"ab", [b"x", b"y", b"z"], [(0, 2), (0, 2), (0, 2)], [2, 2]),
    ],
)
def test_a_token_ends_where_the_next_begins(content, pieces, spans, expected):
    assert list(token_alignment._find_boundaries(content, pieces, spans)) == expected


def build(model, **changes) -> PreTrainedTokenizerFast:
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(json.loads(backend.to_str()) | changes))
    )


PAIRS = {"a": 0, "b": 1, "ab": 2}


def test_dropout_truncation_and_padding_of_the_tokenizer_do_not_move_the_tokens():
    model = models.BPE({**PAIRS, "<pad>": 3}, [("a", "b")], dropout=1.0)
    padding = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 3,
               "pad_type_id": 0, "pad_token": "<pad>"}  # fmt: skip
    truncation = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
    tokenizer = build(model, padding=padding, truncation=truncation)
    spans = TokenAligner(tokenizer).align("ab a", [b"ab", b"a"], np.asarray([2, 0], np.int32), "here")
    assert (spans.starts.tolist(), spans.ends.tolist(), spans.unknown_byte_count) == ([0, 2], [2, 4], 0)


def test_the_bytes_of_unknown_tokens_are_counted_unless_they_spell_the_text():
    tokenizer = build(models.BPE({**PAIRS, "?": 3}, [("a", "b")], unk_token="?"))
    spans = TokenAligner(tokenizer).align("a é ?", [b"a", b"?", b"?"], np.asarray([0, 3, 3], np.int32), "here")
    assert (spans.ends.tolist(), spans.unknown_byte_count) == ([1, 4, 6], 2)


def test_the_token_for_dropped_text_has_an_id_of_its_own():
    tokenizer = build(models.BPE(PAIRS, [("a", "b")]))
    tokenizer.add_tokens(["[new]"])
    assert TokenAligner(tokenizer)._dropped_id == 4
    assert TokenAligner(build(models.BPE({}, [])))._dropped_id == 0
    assert TokenAligner(build(models.WordLevel({"a": 0}, unk_token="a")))._dropped_id is None


def test_white_space_alone_has_no_tokens():
    aligner = TokenAligner(build(models.BPE(PAIRS, [("a", "b")])))
    spans = aligner.align("  ", [], np.zeros(0, np.int32), "here")
    assert (len(spans.starts), len(spans.ends), spans.unknown_byte_count) == (0, 0, 0)
