"""Token ids are spelled as text with the spans of every token, whatever bytes the tokens stand for."""

from __future__ import annotations

import random

import numpy as np

from trailhouse.models.texts.spelled_text import spell_text
from trailhouse.models.texts.token_spans import TokenSpeller


class ByteSpeller(TokenSpeller):
    """Spells token i as the i-th of the given byte strings."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def spell(self, token_id: int) -> bytes:
        """Return the bytes of a token."""
        return self._pieces[token_id]


def spell(pieces: list[bytes]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of the pieces and the span of each in bytes."""
    spelled = spell_text(ByteSpeller(pieces), np.arange(len(pieces), dtype=np.int32))
    return spelled.text, list(zip(spelled.spans.starts.tolist(), spelled.spans.ends.tolist(), strict=True))


def test_valid_tokens_keep_their_bytes() -> None:
    assert spell([b"a", "é".encode(), b"", b" b"]) == ("aé b", [(0, 1), (1, 3), (3, 3), (3, 5)])


def test_a_character_of_two_tokens_is_whole_in_the_text() -> None:
    euro = "€".encode()
    assert spell([euro[:1], euro[1:]]) == ("€", [(0, 1), (1, 3)])


def test_invalid_bytes_become_one_replacement_character_of_the_last_token() -> None:
    euro = "€".encode()
    text, spans = spell([b"x", euro[:1], euro[1:2], b"y"])
    assert text == "x\ufffdy"
    assert spans == [(0, 1), (1, 1), (1, 4), (4, 5)]


def test_the_text_is_that_of_the_decoder_and_spans_cover_it_whatever_the_bytes() -> None:
    draw = random.Random(7)
    for _ in range(300):
        pieces = [bytes(draw.choices(range(256), k=draw.randrange(4))) for _ in range(draw.randrange(1, 12))]
        text, spans = spell(pieces)
        assert text == b"".join(pieces).decode("utf-8", "replace")
        assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
        assert spans[-1][1] == len(text.encode())
        assert all(start <= end for start, end in spans)


def test_no_tokens_spell_an_empty_text() -> None:
    assert spell([]) == ("", [])
