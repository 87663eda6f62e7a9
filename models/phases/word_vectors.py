"""This module defines word vectors, and how the words of a text are looked up among them.

A word of a text may stand at the beginning of a sentence or beside punctuation. So it is looked up in several forms.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VectorsDescription:
    """Where word vectors come from: the row of raw_word_vectors without ``updated_at``."""

    vectors_id: str
    origin: str
    source: str
    sha256: str
    dimension: int
    vocabulary_count: int
    settings: str


def name_vectors(stem: str, sha256: str) -> str:
    """Return the id of vectors: their name and the first digits of their SHA-256."""
    return f"{stem}-{sha256[:8]}"


@dataclass(frozen=True)
class WordVectors:
    """The vectors of those words of a vocabulary that occur in a corpus."""

    description: VectorsDescription
    vectors: Mapping[str, Vectors]
    """The vector (D,) of each form of a word."""

    def find_rows(self, words: Collection[str]) -> tuple[Vectors, dict[str, int]]:
        """Return a matrix (N, D), and for each word with a vector the row of its vector.

        The vector of a word is that of the first of its ``list_forms`` that has one. A vector that is zero has no
        direction, and counts as none.
        """
        rows: dict[str, int] = {}
        matrix: list[Vectors] = []
        row_of_form: dict[str, int] = {}
        for word in words:
            form = next((form for form in list_forms(word) if self._is_known(form)), None)
            if form is None:
                continue
            if form not in row_of_form:
                row_of_form[form] = len(matrix)
                matrix.append(self.vectors[form])
            rows[word] = row_of_form[form]
        return np.asarray(matrix, np.float32).reshape(-1, self.description.dimension), rows

    def _is_known(self, form: str) -> bool:
        return form in self.vectors and bool(self.vectors[form].any())


def list_forms(word: str) -> list[str]:
    """Return the forms in which a word is looked up, in this order, without repetition.

    They are the word as it is, in lower case, without punctuation around it, and both.
    """
    bare = strip_punctuation(word)
    return list(dict.fromkeys(form for form in (word, word.lower(), bare, bare.lower()) if form))


def list_all_forms(words: Iterable[str]) -> set[str]:
    """Return all forms in which the words are looked up."""
    return {form for word in words for form in list_forms(word)}


def strip_punctuation(word: str) -> str:
    """Return a word without the punctuation at its beginning and end. It is empty if the word is punctuation only."""
    first, end = 0, len(word)
    while first < end and _is_punctuation(word[first]):
        first += 1
    while end > first and _is_punctuation(word[end - 1]):
        end -= 1
    return word[first:end]


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")
