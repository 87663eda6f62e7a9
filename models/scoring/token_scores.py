"""This module builds the table of token scores, with one row per position, as Arrow record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.quantisation import quantise_log_probs
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.softmax import TargetScores
from trailhouse.models.scoring.windows import Window

SCORE_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("log_prob_quanta", pa.int32(), nullable=False),
        pa.field("quanta_per_nat", pa.uint16(), nullable=False),
        pa.field("entropy_nats", pa.float32()),
        pa.field("target_rank", pa.int32()),
        pa.field("next_word_log_prob_nats", pa.float32()),
    ]
)
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SectionScores:
    """Scores of consecutive documents, one row per position in order.

    Position 0 of a document has a row only if the beginning of a text has tokens. Log-probabilities and entropies that
    are not computed yet are NaN. If the probability of a new word is wanted, a document also has a row for the position
    after its last token. This row only tells whether a new word begins there, and is not built.
    """

    section: range
    """Ids of the documents."""
    row_offsets: Indices
    """Index of each document's first row, followed by the total number of rows; shape (documents + 1,)."""
    log_prob_nats: npt.NDArray[np.float32]
    entropy_nats: npt.NDArray[np.float32] | None
    target_rank: npt.NDArray[np.int32] | None
    first_position: int
    """The first position of a document that has a row: 0 or 1."""
    word_start_log_prob_nats: npt.NDArray[np.float32] | None = None
    """For each row, the log-probability that the token at its position begins a new word or ends the text."""

    @classmethod
    def allocate(cls, section: range, token_counts: Sequence[int], settings: ScoringSettings) -> SectionScores:
        """Return arrays for the scores of a section, a range of document ids. They hold no scores yet.

        ``token_counts`` has the number of tokens of every document of the corpus, counted by ``list_planned_tokens``.
        """
        first_position = 0 if settings.text_beginning_token_ids else 1
        counts = [max(0, token_counts[document_id] - first_position) for document_id in section]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        size = int(offsets[-1])
        return cls(
            section,
            offsets,
            np.full(size, np.nan, np.float32),
            np.full(size, np.nan, np.float32) if settings.with_entropy else None,
            np.zeros(size, np.int32) if settings.with_target_rank else None,
            first_position,
            np.full(size, np.nan, np.float32) if settings.with_next_word else None,
        )

    def store(self, windows: Sequence[Window], scores: TargetScores) -> None:
        """Store the scores of the positions that the windows predict. ``scores`` is ordered by window."""
        offsets = [self.row_offsets[window.document_id - self.section.start] for window in windows]
        first_rows = [
            offset + window.first_target - self.first_position for offset, window in zip(offsets, windows, strict=True)
        ]
        rows = concatenate_ranges(np.asarray(first_rows), [window.target_count for window in windows])
        self.log_prob_nats[rows] = scores.log_prob_nats.cpu().numpy()
        if self.entropy_nats is not None and scores.entropy_nats is not None:
            self.entropy_nats[rows] = scores.entropy_nats.cpu().numpy()
        if self.target_rank is not None and scores.target_rank is not None:
            self.target_rank[rows] = scores.target_rank.cpu().numpy()
        if self.word_start_log_prob_nats is not None and scores.word_start_log_prob_nats is not None:
            self.word_start_log_prob_nats[rows] = scores.word_start_log_prob_nats.cpu().numpy()

    def count_stored(self, windows: Sequence[Window]) -> int:
        """Return how many of the positions that the windows predict get a row that is built."""
        count = sum(window.target_count for window in windows)
        if self.word_start_log_prob_nats is None:
            return count
        return count - sum(self._reaches_end(window) for window in windows)

    def _reaches_end(self, window: Window) -> bool:
        index = window.document_id - self.section.start
        row_count = int(self.row_offsets[index + 1] - self.row_offsets[index])
        return window.end == self.first_position + row_count

    def build_record_batch(self, quanta_per_nat: int) -> pa.RecordBatch:
        """Return the rows as a record batch.

        Raises BadInputError naming document and position if a score is not finite.
        """
        counts = np.diff(self.row_offsets)
        document_ids = np.repeat(np.arange(self.section.start, self.section.stop, dtype=np.int32), counts)
        positions = concatenate_ranges(np.full(len(counts), self.first_position, np.int64), counts).astype(np.int32)
        self._refuse_non_finite(document_ids, positions)
        size = len(document_ids)
        # Whether a new word begins after a token is known from the next row of its document
        starts = self.word_start_log_prob_nats
        next_word = None if starts is None else np.append(starts[1:], np.float32(np.nan))
        columns = [
            pa.array(document_ids),
            pa.array(positions),
            pa.array(quantise_log_probs(self.log_prob_nats, quanta_per_nat)),
            pa.array(np.full(size, quanta_per_nat, np.uint16)),
            pa.nulls(size, pa.float32()) if self.entropy_nats is None else pa.array(self.entropy_nats),
            pa.nulls(size, pa.int32()) if self.target_rank is None else pa.array(self.target_rank),
            pa.nulls(size, pa.float32()) if next_word is None else pa.array(next_word),
        ]
        batch = pa.record_batch(columns, schema=SCORE_SCHEMA)
        return batch if next_word is None else batch.filter(pa.array(~self._find_last_rows()))

    def _find_last_rows(self) -> npt.NDArray[np.bool_]:
        """Return whether each row is the last of its document."""
        is_last = np.zeros(len(self.log_prob_nats), bool)
        is_last[self.row_offsets[1:][np.diff(self.row_offsets) > 0] - 1] = True
        return is_last

    def _refuse_non_finite(self, document_ids: npt.NDArray[np.int32], positions: npt.NDArray[np.int32]) -> None:
        is_wrong = ~np.isfinite(self.log_prob_nats)
        if self.entropy_nats is not None:
            is_wrong |= ~np.isfinite(self.entropy_nats)
        if self.word_start_log_prob_nats is not None:
            is_wrong |= ~np.isfinite(self.word_start_log_prob_nats)
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            raise BadInputError(
                f"the score of document {document_ids[first]}, position {positions[first]} is not finite "
                f"({int(is_wrong.sum())} in all)",
                "the checkpoint is damaged or overflows in this dtype: leave it out, or use dtype float32",
            )


def list_planned_tokens(token_ids: npt.NDArray[np.int32], settings: ScoringSettings) -> npt.NDArray[np.int32]:
    """Return the tokens of a document for which windows are planned.

    If the probability of a new word is wanted, there is one more token, at the position after the last token of the
    document. No model reads it, and its score is not stored, so any token can take its place.
    """
    return np.append(token_ids, np.int32(0)) if settings.with_next_word and len(token_ids) else token_ids


def split_record_batch(batch: pa.RecordBatch, max_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch in parts of at most ``max_rows``."""
    for first in range(0, batch.num_rows, max_rows):
        yield batch.slice(first, max_rows)


def concatenate_ranges(starts: Indices, counts: Sequence[int] | Indices) -> Indices:
    """Return the numbers ``start .. start + count - 1`` of each pair (start, count), in the order of the pairs."""
    lengths = np.asarray(counts, np.int64)
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
