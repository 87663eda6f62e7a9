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
    ]
)
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SectionScores:
    """Scores of consecutive documents, one row per position in order.

    Position 0 of a document has a row only if the beginning of a text has tokens. Log-probabilities and entropies that
    are not computed yet are NaN.
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

    @classmethod
    def allocate(cls, section: range, token_counts: Sequence[int], settings: ScoringSettings) -> SectionScores:
        """Return arrays for the scores of a section, a range of document ids. They hold no scores yet.

        ``token_counts`` has the token count of every document of the corpus.
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

    def build_record_batch(self, quanta_per_nat: int) -> pa.RecordBatch:
        """Return the rows as a record batch.

        Raises BadInputError naming document and position if a score is not finite.
        """
        counts = np.diff(self.row_offsets)
        document_ids = np.repeat(np.arange(self.section.start, self.section.stop, dtype=np.int32), counts)
        positions = concatenate_ranges(np.full(len(counts), self.first_position, np.int64), counts).astype(np.int32)
        self._refuse_non_finite(document_ids, positions)
        size = len(document_ids)
        columns = [
            pa.array(document_ids),
            pa.array(positions),
            pa.array(quantise_log_probs(self.log_prob_nats, quanta_per_nat)),
            pa.array(np.full(size, quanta_per_nat, np.uint16)),
            pa.nulls(size, pa.float32()) if self.entropy_nats is None else pa.array(self.entropy_nats),
            pa.nulls(size, pa.int32()) if self.target_rank is None else pa.array(self.target_rank),
        ]
        return pa.record_batch(columns, schema=SCORE_SCHEMA)

    def _refuse_non_finite(self, document_ids: npt.NDArray[np.int32], positions: npt.NDArray[np.int32]) -> None:
        is_wrong = ~np.isfinite(self.log_prob_nats)
        if self.entropy_nats is not None:
            is_wrong |= ~np.isfinite(self.entropy_nats)
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            raise BadInputError(
                f"the score of document {document_ids[first]}, position {positions[first]} is not finite "
                f"({int(is_wrong.sum())} in all)",
                "the checkpoint is damaged or overflows in this dtype: leave it out, or use dtype float32",
            )


def split_record_batch(batch: pa.RecordBatch, max_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch in parts of at most ``max_rows``."""
    for first in range(0, batch.num_rows, max_rows):
        yield batch.slice(first, max_rows)


def concatenate_ranges(starts: Indices, counts: Sequence[int] | Indices) -> Indices:
    """Return the numbers ``start .. start + count - 1`` of each pair (start, count), in the order of the pairs."""
    lengths = np.asarray(counts, np.int64)
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
