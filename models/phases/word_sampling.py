"""This module samples words in context from the documents of a corpus.

A word in context is a target word and the words before it, back to the beginning of a sentence or of the document. The
targets are drawn at random, and each belongs to one split: words to fit a regression on, to validate it, or to test it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.texts.corpus import Corpus, Document

MIN_CONTEXT_WORDS = 4
"""Fewest words before a word whose log-probability is explained, so that n-grams of five words are known."""
SENTENCE_ENDS = (".", "!", "?")
CLOSING_MARKS = "\"'»)]}\u201d\u2019"
WORD = re.compile(r"\S+")  # white space as str.isspace, as in raw_token
Words = tuple[str, ...]
FindKnown = Callable[[Collection[Words]], set[Words]]
"""Returns those of the sequences of words that stand in the training texts."""
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class WordInContext:
    """A target word, the words before it, and where it comes from."""

    context: Words
    target: str
    source_corpus_id: str = ""
    source_document_id: int = -1
    source_word_index: int = -1

    @property
    def words(self) -> Words:
        """The context and the target."""
        return (*self.context, self.target)

    def as_document(self, name: str, split: Split) -> Document:
        """Return the document with the text "context target", of which only the target counts in aggregates."""
        context = " ".join(self.context)
        provenance = {
            "split": split,
            "target": self.target,
            "target_word_index": len(self.context),
            "source_corpus_id": self.source_corpus_id,
            "source_document_id": self.source_document_id,
            "source_word_index": self.source_word_index,
        }
        return Document(
            document_name=name,
            text=f"{context} {self.target}",
            kind="word-in-context",
            provenance=json.dumps(provenance, ensure_ascii=False),
            scored_from_byte=len(context.encode()),  # the first byte of the target is the space before it
        )


@dataclass(frozen=True)
class SampleSettings:
    """Which words in context are drawn. Raises UsageError if a value is not allowed."""

    count: int
    seed: int = 0
    max_context_words: int = 50
    shares: tuple[int, int, int] = (80, 10, 10)
    """Percentages of the words for training, validation and test."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"{self.count} words are asked for", "ask for at least 1")
        if self.max_context_words < MIN_CONTEXT_WORDS:
            raise UsageError(
                f"a context of at most {self.max_context_words} words is asked for",
                f"every target has at least {MIN_CONTEXT_WORDS} words before it",
            )
        if len(self.shares) != len(SPLITS) or min(self.shares) < 0 or sum(self.shares) != 100:
            raise UsageError(
                f"the split {'/'.join(map(str, self.shares))} is not three percentages that add up to 100",
                "give train/validation/test, such as 80/10/10",
            )


@dataclass
class SampleCounts:
    """How many words of the corpus can be drawn, why others cannot, and how many drawn words were rejected."""

    word_count: int = 0
    early_count: int = 0
    """Words with fewer than four words before them, in the document or since the beginning of its sentence."""
    not_alphabetic_count: int = 0
    """Words that do not consist of letters only."""
    long_context_count: int = 0
    """Words with no beginning of a sentence within the longest context."""
    candidate_count: int = 0
    repeated_count: int = 0
    """Drawn words that were rejected because the same words were drawn already."""
    in_training_count: int | None = None
    """Drawn words that were rejected because a training text has the whole context and the target.

    It is None if no training texts were given.
    """


class WordSample(NamedTuple):
    """The words in context that were drawn, in the order in which they were drawn."""

    words: list[WordInContext]
    counts: SampleCounts


def sample_words(corpus: Corpus, settings: SampleSettings, find_known: FindKnown | None = None) -> WordSample:
    """Draw words in context from a corpus. The same corpus, settings and training texts give the same words.

    ``find_known`` returns those sequences of words that a training text has; they are not drawn. It reads all training
    texts, and is called again with twice as many sequences if too few are left. It is None if there are no such texts.

    Raises BadInputError if the corpus has too few words that can be drawn.
    """
    counts = SampleCounts()
    in_training_count = 0
    candidates = _list_candidates(corpus, settings.max_context_words, counts)
    order = np.random.default_rng(settings.seed).permutation(len(candidates))
    chosen: list[WordInContext] = []
    seen: set[Words] = set()
    position, batch_size = 0, settings.count
    while len(chosen) < settings.count and position < len(order):
        drawn = [_cut_word(corpus, candidates[index]) for index in order[position : position + batch_size]]
        known = set() if find_known is None else find_known({word.words for word in drawn} - seen)
        for word in drawn:
            if word.words in seen:
                counts.repeated_count += 1
            elif word.words in known:
                in_training_count += 1
            elif len(chosen) < settings.count:
                chosen.append(word)
            else:
                break
            seen.add(word.words)
        position += len(drawn)
        batch_size *= 2
    counts.in_training_count = None if find_known is None else in_training_count
    if len(chosen) < settings.count:
        raise BadInputError(
            f"corpus {corpus.corpus_id!r} has only {len(chosen)} words that can be drawn, and {settings.count} are"
            f" asked for: {describe_rejections(counts)}",
            f"ask for --count {len(chosen)}" if chosen else "use a larger corpus, or a larger --max-context-words",
        )
    return WordSample(chosen, counts)


def describe_rejections(counts: SampleCounts) -> str:
    """Return in words why words of a corpus were not drawn."""
    in_training = counts.in_training_count
    return (
        f"of {counts.word_count} words, {counts.early_count} come too early, {counts.not_alphabetic_count} do not"
        f" consist of letters only, {counts.long_context_count} have no beginning of a sentence near enough;"
        f" {counts.repeated_count} drawn words were repeated"
        + ("" if in_training is None else f" and {in_training} stand in the training texts")
    )


def build_sampled_corpus(
    corpus_id: str, source: Corpus, words: Sequence[WordInContext], settings: SampleSettings
) -> Corpus:
    """Return the corpus of the words in context, in the order in which they were drawn."""
    documents = tuple(
        word.as_document(f"{source.documents[word.source_document_id].document_name}:{word.source_word_index}", split)
        for word, split in zip(words, divide(len(words), settings.shares), strict=True)
    )
    description = (
        f"{len(words)} words in context from {source.corpus_id}, seed {settings.seed}, contexts of at most"
        f" {settings.max_context_words} words, split {'/'.join(map(str, settings.shares))}"
    )
    return Corpus(corpus_id, description, f"corpus {source.corpus_id}", documents)


def divide(count: int, shares: Sequence[int]) -> list[Split]:
    """Return the split of each of ``count`` words. The largest remainders get the words that are left over."""
    exact = [count * share / 100 for share in shares]
    sizes = [int(size) for size in exact]
    by_remainder = sorted(range(len(shares)), key=lambda index: exact[index] - sizes[index], reverse=True)
    for index in by_remainder[: count - sum(sizes)]:
        sizes[index] += 1
    return [split for split, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]


def find_sentence_beginnings(words: Sequence[str]) -> list[int]:
    """Return the indexes of the words that begin the text or follow a word that ends a sentence."""
    ends = (index for index, word in enumerate(words) if word.rstrip(CLOSING_MARKS).endswith(SENTENCE_ENDS))
    return [0, *(index + 1 for index in ends if index + 1 < len(words))] if words else []


def _list_candidates(corpus: Corpus, max_context_words: int, counts: SampleCounts) -> npt.NDArray[np.int64]:
    """Return the words that can be drawn, as rows of (document, word index, first and last character).

    The first character is that of the context, and the last that of the word. The other words are counted.
    """
    rows: list[tuple[int, int, int, int]] = []
    for document_id, document in enumerate(corpus.documents):
        spans = [match.span() for match in WORD.finditer(document.text)]
        words = [document.text[start:end] for start, end in spans]
        beginnings = find_sentence_beginnings(words)
        counts.word_count += len(words)
        for index, word in enumerate(words):
            place = bisect_left(beginnings, index - max_context_words)
            first = beginnings[place] if place < len(beginnings) else len(words)
            if not word.isalpha():
                counts.not_alphabetic_count += 1
            elif first > index:
                counts.long_context_count += 1
            elif first > index - MIN_CONTEXT_WORDS:
                counts.early_count += 1
            else:
                rows.append((document_id, index, spans[first][0], spans[index][1]))
    counts.candidate_count = len(rows)
    return np.asarray(rows, np.int64).reshape(-1, 4)


def _cut_word(corpus: Corpus, candidate: npt.NDArray[np.int64]) -> WordInContext:
    document_id, word_index, start, end = candidate.tolist()
    *context, target = corpus.documents[document_id].text[start:end].split()
    return WordInContext(tuple(context), target, corpus.corpus_id, document_id, word_index)
