"""ClickHouse's tokens: where quotes, comments and words begin and end, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class TokenKind(Enum):
    """What the server must tell apart to find the clauses of a statement."""

    WORD = auto()
    QUOTED = auto()
    OPENING = auto()
    CLOSING = auto()
    SEMICOLON = auto()
    OTHER = auto()
    UNTERMINATED = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token, with its place in the query's bytes."""

    kind: TokenKind
    start: int
    end: int
    word: str  # upper case; empty unless kind is WORD


_PATTERN = re.compile(
    rb"""
      (?P<space> (?: [\x09-\x0d\x20] | \xc2\xa0 | \xe2\x80[\x80-\x8b] | \xe3\x80\x80 | \xef\xbb\xbf )+ )
    | (?P<line_comment> (?: -- | // | \#[\x20!] ) [^\n]* )
    | (?P<block_comment> /\* )
    | (?P<heredoc> \$ (?P<tag> [A-Za-z_0-9]* ) \$ )
    | (?P<single> ' (?: [^'\\]++ | \\. | '' )* (?P<single_end> ' )? )
    | (?P<double> " (?: [^"\\]++ | \\. | "" )* (?P<double_end> " )? )
    | (?P<back> ` (?: [^`\\]++ | \\. | `` )* (?P<back_end> ` )? )
    | (?P<curly> \xe2\x80[\x98\x9c] )
    | (?P<word> [A-Za-z_$] [A-Za-z_0-9$]* )
    | (?P<number> [0-9] [A-Za-z_0-9]* )
    | (?P<opening> [(\[{] )
    | (?P<closing> [)\]}] )
    | (?P<semicolon> ; )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")


def scan_tokens(text: bytes) -> Iterator[Token]:
    """The tokens of ``text``, without white space and comments.

    Quotes know backslash escapes and doubling; comments are ``--``, ``//``, ``# ``, ``#!`` and nested
    ``/* */``; here-documents and typographic quotes count as quotes, as in ClickHouse's own lexer.
    """
    position = 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        assert match is not None  # the last alternative matches any byte
        group = match.lastgroup
        start, position = position, match.end()
        if group in ("space", "line_comment"):
            continue
        if group == "block_comment":
            position = _end_of_block_comment(text, start)
            if position < 0:
                yield Token(TokenKind.UNTERMINATED, start, len(text), "")
                return
            continue
        if group == "word":
            yield Token(TokenKind.WORD, start, position, match["word"].decode().upper())
            continue
        if group in ("heredoc", "curly", "single", "double", "back"):
            end = _end_of_quote(text, match, group)
            if end < 0:
                yield Token(TokenKind.UNTERMINATED, start, len(text), "")
                return
            position = end
            yield Token(TokenKind.QUOTED, start, end, "")
            continue
        yield Token(_PLAIN_KINDS.get(group or "", TokenKind.OTHER), start, position, "")


_PLAIN_KINDS = {
    "opening": TokenKind.OPENING,
    "closing": TokenKind.CLOSING,
    "semicolon": TokenKind.SEMICOLON,
}


def _end_of_block_comment(text: bytes, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == b"/*" else -1
        if depth == 0:
            return edge.end()
    return -1


def _end_of_quote(text: bytes, match: re.Match[bytes], group: str) -> int:
    if group == "heredoc":
        end = text.find(match[0], match.end())
        return end + len(match[0]) if end >= 0 else -1
    if group == "curly":
        closing = b"\xe2\x80\x99" if match[0] == b"\xe2\x80\x98" else b"\xe2\x80\x9d"
        end = text.find(closing, match.end())
        return end + len(closing) if end >= 0 else -1
    return match.end() if match[f"{group}_end"] else -1
