"""This module splits ClickHouse's SQL into tokens such as words, quotes and parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class TokenKind(Enum):
    """The kinds of tokens that the server must distinguish to find the clauses of a statement."""

    WORD = auto()
    QUOTED = auto()
    OPENING = auto()
    CLOSING = auto()
    SEMICOLON = auto()
    OTHER = auto()
    UNTERMINATED = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a query; it covers the query's bytes from ``start`` to ``end`` (exclusive)."""

    kind: TokenKind
    start: int
    end: int
    word: str  # the word in upper case if the kind is WORD, else empty

    def written_in(self, text: bytes) -> bytes:
        """Return the token as it is written in the query ``text``."""
        return text[self.start : self.end]


_PATTERN = re.compile(
    rb"""
      (?P<space> (?: [\x09-\x0d\x20] | \xc2[\x85\xa0] | \xe1\xa0\x8e | \xe2\x80[\x80-\x8d\xa8\xa9\xaf]
        | \xe2\x81[\x9f\xa0] | \xe3\x80\x80 | \xef\xbb\xbf )+ )
    | (?P<line_comment> (?: -- | // | \#[\x20!] ) [^\n]* )
    | (?P<block_comment> /\* )
    | (?P<heredoc> \$ (?P<tag> [A-Za-z_0-9]* ) \$ )
    | (?P<single> ' (?: [^'\\]++ | \\. | '' )* (?P<single_end> ' )? )
    | (?P<double> " (?: [^"\\]++ | \\. | "" )* (?P<double_end> " )? )
    | (?P<back> ` (?: [^`\\]++ | \\. | `` )* (?P<back_end> ` )? )
    | (?P<curly> \xe2\x80[\x98\x9c] )
    | (?P<word> (?: [A-Za-z_] | \$ [A-Za-z_0-9] ) [A-Za-z_0-9$]* )
    | (?P<number> [0-9] [A-Za-z_0-9]* )
    | (?P<opening> [(\[{] )
    | (?P<closing> [)\]}] )
    | (?P<semicolon> ; )
    | (?P<other> \xe2\x88\x92 | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_HEREDOC_TAG = re.compile(rb"(?=(\$[A-Za-z_0-9]*\$))")
_DOLLAR_WORD = re.compile(rb"\$(?:[A-Za-z_0-9][A-Za-z_0-9$]*)?")  # a word, or a single dollar sign
_QUOTES = frozenset({"heredoc", "curly", "single", "double", "back"})
_KINDS = {
    "word": TokenKind.WORD,
    "opening": TokenKind.OPENING,
    "closing": TokenKind.CLOSING,
    "semicolon": TokenKind.SEMICOLON,
}
_COMMENT_EDGE = re.compile(rb"/\*|\*/")


def scan_tokens(text: bytes) -> Iterator[Token]:
    """Yield the tokens of ``text``, without white space and comments.

    Quotes may contain backslash escapes and doubled quotation marks. Here-documents and text in typographic quotation
    marks are quotes too. A tag such as ``$a$`` begins a here-document only if the same tag follows; otherwise it is a
    word, as in the query parameter ``{$a$:Int32}``. A comment extends from ``--``, ``//``, ``# `` or ``#!`` to the end
    of the line, or from ``/*`` to ``*/``. Comments in ``/* */`` may be nested. If a quote or comment is not closed, it
    becomes the last token, and the kind of this token is UNTERMINATED.
    """
    position = 0
    last_tags: dict[bytes, int] | None = None
    while position < len(text):
        match = _PATTERN.match(text, position)
        assert match is not None  # the last alternative of _PATTERN matches any byte
        group = match.lastgroup or ""
        if group == "heredoc":
            if last_tags is None:  # one search for all tags, so that many of them do not take quadratic time
                last_tags = {tag[1]: tag.start() for tag in _HEREDOC_TAG.finditer(text)}
            if last_tags[match[0]] < match.end():
                match = _DOLLAR_WORD.match(text, position)
                assert match is not None
                group = "word" if len(match[0]) > 1 else "other"
        start, position = position, match.end()
        if group in ("space", "line_comment"):
            continue
        if group == "block_comment" or group in _QUOTES:
            position = _find_end(text, match, group)
        if position < 0:
            yield Token(TokenKind.UNTERMINATED, start, len(text), "")
            return
        if group in _QUOTES:
            yield Token(TokenKind.QUOTED, start, position, "")
        elif group != "block_comment":
            word = match[0].decode().upper() if group == "word" else ""
            yield Token(_KINDS.get(group, TokenKind.OTHER), start, position, word)


def _find_comment_end(text: bytes, start: int) -> int:
    """Return the position after the ``/* */`` comment that begins at ``start``, or -1 if it is not closed."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == b"/*" else -1
        if depth == 0:
            return edge.end()
    return -1


def _find_end(text: bytes, match: re.Match[bytes], group: str) -> int:
    """Return the position after the quote or comment that begins with ``match``, or -1 if it is not closed."""
    if group == "block_comment":
        return _find_comment_end(text, match.start())
    if group == "heredoc":
        closing = match[0]
    elif group == "curly":
        closing = b"\xe2\x80\x99" if match[0] == b"\xe2\x80\x98" else b"\xe2\x80\x9d"
    else:
        return match.end() if match[f"{group}_end"] else -1
    end = text.find(closing, match.end())
    return end + len(closing) if end >= 0 else -1
