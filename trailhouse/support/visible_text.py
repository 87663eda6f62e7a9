"""This module shows a text that nobody has vetted so that none of its characters is hidden or acts on other text.

The dbt macro ``visible_text`` applies the same rule in SQL; a test compares the two on random texts.
"""

from __future__ import annotations

import re
from itertools import accumulate

LONGEST_LABEL = 100
"""Number of characters after which a label is cut. The dbt macro has the same number."""

# Controls, format characters, fillers, variation selectors, tags, private use, surrogates and noncharacters. The ranges
# are written out because the Unicode tables of Python and of the warehouse's engine differ between versions.
INVISIBLE = (
    r"\x00-\x1F\x7F-\x9F\xAD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F"
    r"\u2800\u3164\uD800-\uF8FF\uFDD0-\uFDEF\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\uFFFE\uFFFF"
    r"\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U0001FFFE\U0001FFFF\U0002FFFE\U0002FFFF"
    r"\U0003FFFE-\U0010FFFF"
)
_PICTOGRAPH = (
    r"[\xA9\xAE\u203C\u2049\u2122\u2139\u2190-\u21FF\u2300-\u23FF\u24C2\u25A0-\u27BF\u2900-\u297F\u2B00-\u2BFF\u3030"
    r"\u303D\u3297\u3299\U0001F000-\U0001FAFF][\uFE0E\uFE0F]?[\U0001F3FB-\U0001F3FF]?"
)
# A pictograph with its presentation and its skin tone, joined to at most eight others, or a digit on a key
_EMOJI = rf"{_PICTOGRAPH}(?:\u200D{_PICTOGRAPH}){{0,8}}|[0-9#*]\uFE0F\u20E3"
_LINE_BREAKS = frozenset(("\r\n", "\r", "\n", "\u2028", "\u2029"))
_PIECE = re.compile(rf"\r\n|{_EMOJI}|.", re.DOTALL)
_HIDDEN = re.compile(f"[{INVISIBLE}]")


def make_visible(text: str, *, line_break: str = "\n") -> str:
    r"""Return a text in which every invisible character is shown as its code point, such as ``\u{202e}``.

    A tab becomes an arrow, and a line break becomes ``line_break``. The joiners and selectors within an emoji stay, so
    that it is shown whole. Otherwise a text could hide a part of itself, or change how a terminal or a browser shows
    the text around it.
    """
    return "".join(_show_pieces(text, line_break)) if _HIDDEN.search(text) else text


def make_label(text: str) -> str:
    """Return a text on one visible line, cut after ``LONGEST_LABEL`` characters and then followed by its length."""
    pieces = _show_pieces(text, "⏎")
    if sum(map(len, pieces)) <= LONGEST_LABEL:
        return "".join(pieces)
    ends = accumulate(map(len, pieces))
    kept = [piece for piece, end in zip(pieces, ends, strict=True) if end <= LONGEST_LABEL]
    return f"{''.join(kept)}… ({len(text)} characters)"


def _show_pieces(text: str, line_break: str) -> list[str]:
    return [_show_piece(piece, line_break) for piece in _PIECE.findall(text)]


def _show_piece(piece: str, line_break: str) -> str:
    if piece in _LINE_BREAKS:
        return line_break
    if piece == "\t":
        return "⇥"
    return f"\\u{{{ord(piece):x}}}" if _HIDDEN.match(piece) else piece
