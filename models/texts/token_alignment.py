"""This module finds the spans of tokens in a text that the tokenizer normalises, for example to lower case or to NFC.

For every token, the tokenizer returns offsets: the range of characters from which the token was made. The offsets of
tokens that share a character overlap. The offsets have gaps where the tokenizer drops characters. This module converts
the offsets to spans that follow each other without gap or overlap.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError

Integers = npt.NDArray[np.int64]
# Token that is added to a BPE vocabulary, to stand for text that the vocabulary cannot encode. It contains control
# characters, so that it equals no usual word.
DROPPED_TEXT = "\x00\uffff dropped"


@dataclass(frozen=True)
class TokenSpans:
    """Where the tokens of one text begin and end in its UTF-8 bytes. The spans follow each other and cover the text."""

    starts: Integers
    ends: Integers
    """One past the last byte of each token."""
    unknown_byte_count: int
    """Number of bytes that the tokenizer replaced by its token for unknown text."""


class TokenAligner:
    """Finds the spans of a fast tokenizer's tokens in texts.

    It uses a copy of the tokenizer. If a BPE tokenizer would leave out unknown text, the copy encodes this text as the
    token ``DROPPED_TEXT``.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        # These are switched off: the post-processor, which removes white space from the offsets, and truncation and
        # padding, which change the tokens.
        content |= {"post_processor": None, "truncation": None, "padding": None}
        model = content["model"]
        if model["type"] == "BPE":
            model["dropout"] = None
        self._backend = Tokenizer.from_str(json.dumps(content))
        self._backend.encode_special_tokens = tokenizer.backend_tokenizer.encode_special_tokens  # the JSON lacks it
        self._unknown_ids = {tokenizer.unk_token_id, model.get("unk_id")}
        self._dropped_id: int | None = None
        if model.get("unk_token") is not None:
            self._unknown_ids.add(self._backend.token_to_id(model["unk_token"]))
        elif model["type"] == "BPE":
            added_ids = [token["id"] for token in content["added_tokens"]]
            self._dropped_id = max([*model["vocab"].values(), *added_ids], default=-1) + 1
            model["vocab"][DROPPED_TEXT] = self._dropped_id
            model["unk_token"] = DROPPED_TEXT
            # The BPE model is replaced after the copy has been built. If the copy were built with the larger
            # vocabulary, the ids of added tokens would change.
            self._backend.model = Tokenizer.from_str(json.dumps({"version": "1.0", "model": model})).model

    def align(
        self, text: str, pieces: Sequence[bytes], token_ids: npt.NDArray[np.int32], location: str
    ) -> TokenSpans | None:
        """Return the spans of a text's tokens. ``pieces`` are the bytes that the tokens stand for.

        If several tokens share a character, each token gets those bytes of the character that the token stands for.
        If the tokenizer replaced the character, the first of these tokens gets the whole character. The tokenizer may
        also drop text between two tokens. The dropped text before its first white space belongs to the earlier token,
        and the rest of the dropped text belongs to the later token.

        Returns None if the tokenizer's offsets are not in the order of the text.

        Raises BadInputError naming ``location`` if the tokens do not spell the whole text.
        """
        encoding = self._backend.encode(text, add_special_tokens=False)
        if self._dropped_id in encoding.ids:
            start, end = encoding.offsets[encoding.ids.index(self._dropped_id)]
            raise BadInputError(
                f"{location}: the tokenizer has no token for {text[start:end]!r} and leaves it out",
                "leave the document out, or use a tokenizer that encodes every character",
            )
        if encoding.ids != token_ids.tolist() or (text.strip() and not pieces):
            raise BadInputError(
                f"{location}: the {len(token_ids)} tokens do not spell the whole document",
                "copy the model's own tokenizer, or leave the document out",
            )
        if not pieces:  # the text is white space, which the tokenizer drops
            return TokenSpans(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
        offsets = np.asarray(encoding.offsets, np.int64).reshape(-1, 2)
        if (np.diff(offsets, axis=0) < 0).any():
            return None
        byte_of_character = np.concatenate(
            [np.zeros(1, np.int64), np.cumsum([len(character.encode()) for character in text], dtype=np.int64)]
        )
        content = text.encode()
        spans = byte_of_character[offsets]
        edges = np.asarray([0, *_find_boundaries(content, pieces, spans.tolist()), len(content)], np.int64)
        unknown = [
            (start, end)
            for token_id, piece, (start, end) in zip(encoding.ids, pieces, spans.tolist(), strict=True)
            if token_id in self._unknown_ids and content[start:end] != piece
        ]
        return TokenSpans(edges[:-1], edges[1:], _measure_union(unknown))


def _measure_union(spans: Sequence[tuple[int, int]]) -> int:
    """Return the number of bytes that ordered spans cover together. The spans may overlap."""
    total = covered = 0
    for start, end in spans:
        total += max(0, end - max(start, covered))
        covered = max(covered, end)
    return total


def _find_boundaries(content: bytes, pieces: Sequence[bytes], spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Yield, for each token except the last, the byte at which the token ends and the next token begins."""
    previous = 0
    for index, (_, end) in enumerate(spans[:-1]):
        next_start = spans[index + 1][0]
        if end <= next_start:
            boundary = end + _count_dropped_bytes(content[end:next_start])
        else:
            boundary = _divide(content, pieces[index], pieces[index + 1], previous, next_start, end)
        previous = max(previous, boundary)
        yield previous


def _count_dropped_bytes(gap: bytes) -> int:
    """Return the number of bytes before the first white space in ``gap``, which is dropped text between two tokens."""
    text = gap.decode()
    length = next((index for index, character in enumerate(text) if character.isspace()), len(text))
    return len(text[:length].encode())


def _divide(content: bytes, piece: bytes, next_piece: bytes, previous: int, shared_start: int, shared_end: int) -> int:
    """Return the byte at which the first of two tokens ends, if the tokens share characters.

    The shared characters are the bytes of ``content`` from ``shared_start`` to ``shared_end``. The first token begins
    at byte ``previous``. ``piece`` and ``next_piece`` are the bytes that the two tokens stand for.
    """
    if next_piece and content.startswith(next_piece, shared_start) and previous <= shared_start:
        return shared_start
    if piece.isspace() and not content[shared_start:shared_end].decode().isspace():
        # The first token is white space that the tokenizer inserted. So it gets none of the shared characters.
        return shared_start
    end = previous + len(piece)
    if shared_start <= end <= shared_end and content.startswith(piece, previous):
        return end
    tail = _read_incomplete_character(piece)
    return shared_start + len(tail) if tail and content.startswith(tail, shared_start) else shared_end


def _read_incomplete_character(piece: bytes) -> bytes:
    """Return the bytes of an incomplete character at the end of a token; empty if the last character is complete."""
    for length in range(1, min(4, len(piece) + 1)):
        first = piece[-length]
        if first >= 0xC2:  # the smallest first byte of a character of several bytes
            size = 2 + (first >= 0xE0) + (first >= 0xF0)
            return piece[-length:] if length < size else b""
        if first < 0x80:
            return b""
    return b""
