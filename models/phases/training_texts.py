"""This module finds sequences of words that stand word for word in training texts, which may be larger than memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from trailhouse.models.texts.word_stream import stream_words

KEY_WORDS = 5


def find_in_texts(sequences: Collection[tuple[str, ...]], paths: Sequence[Path]) -> set[tuple[str, ...]]:
    """Return those sequences of words that one of the texts in the files has, word for word.

    Words are compared as they are, with case and punctuation. A sequence has at least ``KEY_WORDS`` words. The memory
    depends on the sequences, not on the size of the texts.

    Raises ValueError if a sequence is too short, and the errors of ``stream_words``.
    """
    by_first_words: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for sequence in sequences:
        if len(sequence) < KEY_WORDS:
            raise ValueError(f"a sequence has {len(sequence)} words, and {KEY_WORDS} are needed")
        by_first_words[sequence[:KEY_WORDS]].append(sequence)
    longest = max(map(len, sequences), default=0)
    found: set[tuple[str, ...]] = set()
    earlier: list[str] = []
    for block in stream_words(paths) if by_first_words else ():
        # The last words of a block are read again with the next block, in which a sequence may go on
        words = block.words if block.is_beginning else earlier + block.words
        for first in range(len(words) - KEY_WORDS + 1):
            for sequence in by_first_words.get(tuple(words[first : first + KEY_WORDS]), ()):
                if tuple(words[first : first + len(sequence)]) == sequence:
                    found.add(sequence)
        earlier = words[len(words) - longest + 1 :] if longest <= len(words) else words
    return found
