"""This module spells token ids as text. The tokens keep their ids, because to tokenize the text could give others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trailhouse.models.texts.token_alignment import TokenSpans
from trailhouse.models.texts.token_spans import TokenSpeller

REPLACEMENT_CHARACTER = "\ufffd"


@dataclass(frozen=True)
class SpelledText:
    """The text for which token ids stand, and the spans of the tokens in it."""

    text: str
    spans: TokenSpans


def spell_text(speller: TokenSpeller, token_ids: Sequence[int] | npt.NDArray[np.int32]) -> SpelledText:
    """Return the text of token ids. Bytes that are no valid UTF-8 become the replacement character U+FFFD.

    Every maximal invalid sequence becomes one replacement character. If the sequence is made of several tokens, the
    last of them gets all bytes of the character.
    """
    pieces = [speller.spell(token_id) for token_id in map(int, token_ids)]
    content = b"".join(pieces)
    text, invalid = _decode(content)
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    boundaries = np.concatenate([np.zeros(1, np.int64), ends])
    moved = _move_boundaries(boundaries, invalid)
    return SpelledText(text, TokenSpans(moved[:-1], moved[1:], 0))


def _decode(content: bytes) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of the bytes, and the range of bytes of every replacement character."""
    parts: list[str] = []
    invalid: list[tuple[int, int]] = []
    start = 0
    while start < len(content):
        try:
            parts.append(content[start:].decode())
            break
        except UnicodeDecodeError as error:
            parts.append(content[start : start + error.start].decode() + REPLACEMENT_CHARACTER)
            invalid.append((start + error.start, start + error.end))
            start += error.end
    return "".join(parts), invalid


def _move_boundaries(boundaries: npt.NDArray[np.int64], invalid: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """Return byte boundaries in the decoded text for byte boundaries in the original bytes.

    A boundary within an invalid sequence moves to the beginning of the sequence.
    """
    moved = boundaries.copy()
    width = len(REPLACEMENT_CHARACTER.encode())
    for start, end in invalid:
        moved = np.where((boundaries > start) & (boundaries < end), moved - (boundaries - start), moved)
        moved = np.where(boundaries >= end, moved + width - (end - start), moved)
    return moved
