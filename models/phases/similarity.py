"""This module computes how similar each word of a corpus is in meaning to the words before it.

The similarity is the cosine between the vector of the word and the weighted mean vector of its context. In the
weighting ``position``, the i-th of n context words has the weight i / (1 + ... + n), so that near words count more than
far ones. Words without a vector have no part in the mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailhouse.models.phases.word_sampling import MIN_CONTEXT_WORDS
from trailhouse.models.phases.word_vectors import Vectors, WordVectors, list_all_forms
from trailhouse.models.texts.corpus import Corpus, Document

DEFAULT_CONTEXT_WORDS = 100
WEIGHTINGS = ("unweighted", "position")
# So many target words are computed at once, which bounds the memory and the numbers of the running sums
BLOCK_WORDS = 4_096
TABLE_ROWS = 100_000
SIMILARITY_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.int32(), nullable=False),
        pa.field("word_index", pa.int32(), nullable=False),
        pa.field("weighting", pa.string(), nullable=False),
        pa.field("cosine_similarity", pa.float32()),
        pa.field("is_target_known", pa.bool_(), nullable=False),
        pa.field("context_word_count", pa.int32(), nullable=False),
        pa.field("known_context_word_count", pa.int32(), nullable=False),
        pa.field("word", pa.string(), nullable=False),
        pa.field("corpus_sha256", pa.string(), nullable=False),
        pa.field("context_word_limit", pa.int32(), nullable=False),
    ]
)
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Similarities:
    """Similarities of consecutive words of a document; arrays of shape (N,), or (2, N) by weighting."""

    cosine: Floats
    """NaN where the word or all of its context has no vector."""
    is_target_known: npt.NDArray[np.bool_]
    context_word_count: Integers
    known_context_word_count: Integers


def list_wanted_forms(corpus: Corpus) -> set[str]:
    """Return all forms of the words of a corpus, in which they are looked up among word vectors."""
    return list_all_forms({word for document in corpus.documents for word in document.text.split()})


def build_similarity_tables(corpus: Corpus, vectors: WordVectors, context_word_limit: int) -> Iterator[pa.Table]:
    """Yield the rows of raw_semantic_similarity, without corpus and vectors, in order of document, word and weighting.

    Of a word-in-context document, the target has rows, and all words before it are its context. Of any other document,
    every word with at least four words before it has rows, and the last ``context_word_limit`` words before it are its
    context.
    """
    waiting: list[pa.RecordBatch] = []
    row_count = 0
    for batch in _build_batches(corpus, vectors, context_word_limit):
        waiting.append(batch)
        row_count += batch.num_rows
        if row_count >= TABLE_ROWS:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, row_count = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def count_targets(corpus: Corpus) -> int:
    """Return how many words of a corpus have a similarity."""
    return sum(max(0, len(document.text.split()) - _find_first_target(document)) for document in corpus.documents)


def _build_batches(corpus: Corpus, vectors: WordVectors, context_word_limit: int) -> Iterator[pa.RecordBatch]:
    words = {word for document in corpus.documents for word in document.text.split()}
    matrix, rows = vectors.find_rows(words)
    for document_id, document in enumerate(corpus.documents):
        document_words = document.text.split()
        row_of_word = np.asarray([rows.get(word, -1) for word in document_words], np.int64)
        first_target = _find_first_target(document)
        limit = context_word_limit if document.kind != "word-in-context" else max(1, len(document_words))
        for first in range(first_target, len(document_words), BLOCK_WORDS):
            end = min(first + BLOCK_WORDS, len(document_words))
            found = compute_similarities(matrix, row_of_word, first, end, limit)
            yield _build_batch(document_id, document_words, first, found, corpus.corpus_sha256, context_word_limit)


def compute_similarities(
    matrix: Vectors, row_of_word: Integers, first_target: int, end: int, context_word_limit: int
) -> Similarities:
    """Return the similarities of the words ``first_target .. end - 1`` of a document.

    ``row_of_word`` has for every word of the document the row of its vector in ``matrix`` (V, D), or -1.
    """
    start = max(0, first_target - context_word_limit)
    rows = row_of_word[start:end]
    is_known = rows >= 0
    vectors = np.zeros((len(rows), matrix.shape[1]))  # (W, D) in float64; unknown words are zero
    vectors[is_known] = matrix[rows[is_known]]
    targets = np.arange(first_target, end) - start
    begins = np.maximum(targets - context_word_limit, 0)
    plain, by_place = _sum_before(vectors), _sum_before(vectors * np.arange(len(rows))[:, None])
    unweighted = plain[targets] - plain[begins]
    # The word at place k of a context that begins at place b has the weight k - b + 1
    position = by_place[targets] - by_place[begins] - (begins - 1)[:, None] * unweighted
    known_before = _sum_before(is_known.astype(np.float64))
    known_count = (known_before[targets] - known_before[begins]).astype(np.int64)
    cosine = np.stack([_find_cosine(vectors[targets], context) for context in (unweighted, position)])
    cosine[:, ~is_known[targets] | (known_count == 0)] = np.nan
    return Similarities(cosine, is_known[targets], targets - begins, known_count)


def _sum_before(values: Floats) -> Floats:
    """Return the sums of all values before each place, and the sum of all; shape (W + 1, ...)."""
    return np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])


def _find_cosine(left: Floats, right: Floats) -> Floats:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine: Floats = (left * right).sum(1) / norms
    return np.clip(cosine, -1.0, 1.0)


def _find_first_target(document: Document) -> int:
    if document.kind != "word-in-context":
        return MIN_CONTEXT_WORDS
    index: int = json.loads(document.provenance)["target_word_index"]
    return index


def _build_batch(
    document_id: int, words: Sequence[str], first: int, found: Similarities, corpus_sha256: str, context_word_limit: int
) -> pa.RecordBatch:
    count = found.cosine.shape[1]
    cosine = found.cosine.T.ravel()  # both weightings of a word follow each other

    def twice(values: Iterable[object]) -> npt.NDArray[np.generic]:
        return np.repeat(np.asarray(values), len(WEIGHTINGS))

    columns = [
        np.full(2 * count, document_id, np.int32),
        twice(np.arange(first, first + count, dtype=np.int32)),
        np.tile(np.asarray(WEIGHTINGS), count),
        pa.array(cosine.astype(np.float32), mask=np.isnan(cosine)),
        twice(found.is_target_known),
        twice(found.context_word_count.astype(np.int32)),
        twice(found.known_context_word_count.astype(np.int32)),
        [word for word in words[first : first + count] for _ in WEIGHTINGS],
        [corpus_sha256] * (2 * count),
        np.full(2 * count, context_word_limit, np.int32),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SIMILARITY_SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=SIMILARITY_SCHEMA)
