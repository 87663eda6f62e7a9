"""This module finds the span of each token in its text, in bytes, characters and words."""

from __future__ import annotations

import json
import re

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError
from trailhouse.models.texts.token_alignment import Integers, TokenAligner, TokenSpans

WORD_BOUNDARY = "▁"  # SentencePiece writes a space as this character
# SentencePiece writes each byte of a character outside its vocabulary as a token such as <0xE2>
BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


class TokenSpeller:
    """Translates the tokens of a vocabulary to the bytes that they stand for."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._known = {index: str(token.content).encode() for index, token in tokenizer.added_tokens_decoder.items()}
        self._byte_of_character: dict[str, int] | None = None
        if _is_byte_level(tokenizer):
            self._byte_of_character = _build_byte_alphabet()
        elif _spells_bytes_by_number(tokenizer):
            self._byte_of_character = {chr(number): number for number in range(256)}

    def spell(self, token_id: int) -> bytes:
        """Return the bytes of a token."""
        if token_id not in self._known:
            self._known[token_id] = self._spell_entry(str(self._tokenizer.convert_ids_to_tokens(token_id)))
        return self._known[token_id]

    def _spell_entry(self, entry: str) -> bytes:
        if self._byte_of_character is not None and all(character in self._byte_of_character for character in entry):
            return bytes(self._byte_of_character[character] for character in entry)
        byte_token = BYTE_TOKEN.fullmatch(entry)
        if byte_token:
            return bytes([int(byte_token[1], 16)])
        return entry.replace(WORD_BOUNDARY, " ").encode()


class TokenLocator:
    """Finds the spans of one tokenizer's tokens in the tokenized texts."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self.speller = TokenSpeller(tokenizer)
        self._aligner: TokenAligner | None = None

    def find_byte_spans(self, text: str, token_ids: npt.NDArray[np.int32], location: str) -> TokenSpans | None:
        """Return the spans of all tokens in bytes of the UTF-8 text. They follow each other and cover the text.

        If the concatenated bytes of all tokens equal the text, the spans follow from the tokens' lengths. A leading
        space that the tokenizer adds is ignored in this comparison. The bytes are equal for byte-level BPE, and for
        SentencePiece without normalisation. For all other texts, the spans come from the tokenizer's own offsets. If
        these are not in the order of the text, the tokens have no spans, and None is returned.

        Raises BadInputError naming ``location`` if the tokens do not spell the whole text, or if the bytes do not equal
        the text and the tokenizer has no offsets.
        """
        content = text.encode()
        pieces = [self.speller.spell(token_id) for token_id in token_ids.tolist()]
        joined = b"".join(pieces)
        lead = len(joined) - len(content)
        if lead in (0, 1) and joined == b" " * lead + content:
            ends = np.maximum(np.cumsum([len(piece) for piece in pieces], dtype=np.int64) - lead, 0)
            return TokenSpans(np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]]), ends, 0)
        if not self._tokenizer.is_fast:
            raise BadInputError(
                f"{location}: the tokens of {type(self._tokenizer).__name__} cannot be located in the text",
                "save a fast tokenizer (tokenizer.json) beside the weights",
            )
        if self._aligner is None:
            self._aligner = TokenAligner(self._tokenizer)
        return self._aligner.align(text, pieces, token_ids, location)


class TextIndex:
    """The bytes of one text, with the character and the word to which each byte belongs."""

    def __init__(self, text: str) -> None:
        self._content = text.encode()
        lengths = np.asarray([len(character.encode()) for character in text], np.int64)
        is_space = np.repeat(np.asarray([character.isspace() for character in text], bool), lengths)
        self._character_of_byte = np.repeat(np.arange(len(text)), lengths)
        self._character_count = len(text)
        self._is_word_start = ~is_space & np.concatenate([np.ones(min(1, len(is_space)), bool), is_space[:-1]])
        self._word_of_byte = np.maximum(np.cumsum(self._is_word_start) - 1, 0)
        size = len(self._content)
        # For every byte: the index of the first byte, at this position or later, that belongs to a word. If there is no
        # such byte, the value is the size of the text in bytes.
        word_bytes = np.where(is_space, size, np.arange(size))
        self._next_word_byte = np.append(np.minimum.accumulate(word_bytes[::-1])[::-1], size)

    def find_characters(self, starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
        """Convert spans from bytes to characters, and return them as (starts, ends).

        A span includes every character that it covers at least partly. A span without bytes includes no characters.
        """
        of_byte = np.append(self._character_of_byte, self._character_count)
        character_starts = of_byte[starts]
        character_ends = np.where(ends > starts, of_byte[np.maximum(ends - 1, 0)] + 1, character_starts)
        return character_starts, character_ends

    def find_words(self, starts: Integers, ends: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
        """Return the index of the word in which each token starts, and whether the token is the start of that word.

        Whitespace belongs to the next word, because byte-level BPE joins a space to the next word. Whitespace at the
        end of the text belongs to the last word. A token that consists only of whitespace is not the start of a word.
        """
        if not self._content:
            return np.zeros(len(starts), np.int64), np.zeros(len(starts), bool)
        first = self._next_word_byte[starts]
        inside = np.minimum(first, len(self._content) - 1)
        return self._word_of_byte[inside], (first < ends) & self._is_word_start[inside]

    def cut_texts(self, starts: Integers, ends: Integers) -> list[str]:
        """Return the text of every token. Incomplete characters become replacement characters."""
        return [
            self._content[start:end].decode("utf-8", "replace")
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]


def _spells_bytes_by_number(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether each token is one byte, written as the character whose code point is the byte's value.

    ByT5 has such a vocabulary. Added tokens do not count.
    """
    entries = set(tokenizer.get_vocab()) - {str(token.content) for token in tokenizer.added_tokens_decoder.values()}
    return entries == {chr(number) for number in range(256)}


def _is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    if not tokenizer.is_fast:
        return getattr(tokenizer, "byte_decoder", None) is not None
    decoder = json.loads(tokenizer.backend_tokenizer.to_str()).get("decoder")
    return '"ByteLevel"' in json.dumps(decoder)


def _build_byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of a byte-level BPE vocabulary stands for.

    The vocabulary writes a printable byte as the Latin-1 character whose code point is the byte's value. It writes the
    other bytes, in increasing order, as the characters with the code points 256, 257, ... (Radford et al. 2019,
    "Language models are unsupervised multitask learners", section 2.2).
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = sorted(set(range(256)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(others)}
