"""This module builds the rows of a batch. A row holds the prompt of an item once, followed by several options.

The sequences "prompt + option" of an item share a prefix, the prompt. A row holds this prefix and then the
continuation of each sequence::

    token          the  cat  sat  on  a | in  the | under
    position         0    1    2   3  4 |  3    4 |     3
    continuation     0    0    0   1  1 |  2    2 |     3      0: the shared prefix

Let c(i) be the number of the continuation to which the token at index i belongs. The attention mask says::

    i sees j   if   j <= i   and   (c(j) = 0   or   c(j) = c(i))

So for each option, the model sees what it would see in a separate text, but it computes the prefix only once. The
model predicts the last token of an option but never reads it, so this token is not in the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trailhouse.models.few_shot.option_encoding import Tokens
from trailhouse.models.scoring.windows import are_separated

Indices = npt.NDArray[np.int64]
SHARED_PREFIX = 0


@dataclass(frozen=True)
class ScoredSequence:
    """A sequence of tokens. Its score is the sum of the log-probabilities of all tokens from index ``first_target`` on.

    ``score_index`` is the index of this score in the list of all scores.
    """

    token_ids: Tokens
    first_target: int
    score_index: int


@dataclass(frozen=True)
class Row:
    """One row of a batch: T tokens that a model reads, and N tokens that it predicts."""

    token_ids: Tokens
    """The tokens that the model reads; shape (T,)."""
    positions: Indices
    """For each token that the model reads, the number of earlier tokens that it sees; shape (T,)."""
    continuations: Indices
    """For each token, the number of its continuation, counted from 1, or SHARED_PREFIX; shape (T,)."""
    outputs: Indices
    """For each target, the index of the token that predicts it; shape (N,)."""
    targets: Tokens
    """The tokens that are predicted; shape (N,)."""
    score_indices: Indices
    """For each target, the index of the score to which its log-probability is added; shape (N,)."""

    @property
    def length(self) -> int:
        """Number of tokens that the model reads."""
        return len(self.token_ids)

    @property
    def has_continuations(self) -> bool:
        """Whether the row has several continuations, so that it needs an attention mask of its own."""
        return bool(self.continuations[-1] != SHARED_PREFIX)


def build_plain_rows(sequences: Sequence[ScoredSequence]) -> list[Row]:
    """Return rows that are plain texts, without continuations.

    Sequences that differ only in their last token share a row.
    """
    groups: dict[bytes, list[ScoredSequence]] = {}
    for sequence in sequences:
        groups.setdefault(sequence.token_ids[:-1].tobytes(), []).append(sequence)
    return [_build_row(group, len(group[0].token_ids) - 1) for group in groups.values()]


def build_shared_prefix_rows(sequences: Sequence[ScoredSequence], max_length: int) -> list[Row]:
    """Return rows for sequences that begin with the same tokens.

    A row has at most ``max_length`` tokens. A longer sequence gets a row of its own.
    """
    prefix_length = _count_shared_tokens(sequences)
    return [_build_row(group, prefix_length) for group in _group_sequences(sequences, prefix_length, max_length)]


def group_rows(
    rows: Sequence[Row], max_batch_tokens: int, max_mask_entries: int, switch_length: int | None = None
) -> Iterator[list[Row]]:
    """Yield batches of rows of similar length, the longest rows first.

    A batch never mixes rows that have continuations with rows that have none. A batch has at most ``max_batch_tokens``
    tokens, including the padding to its longest row. The attention masks of a batch have at most ``max_mask_entries``
    entries. If a single row exceeds a limit, it forms a batch of its own. The rows of a batch all have at most
    ``switch_length`` tokens, or all have more tokens; see ``rotary_switch``.
    """
    for has_continuations in (True, False):
        batch: list[Row] = []
        chosen = [row for row in rows if row.has_continuations == has_continuations]
        for row in sorted(chosen, key=lambda row: row.length, reverse=True):
            if batch:
                token_count = batch[0].length * (len(batch) + 1)
                mask_entries = token_count * batch[0].length if has_continuations else 0
                is_full = token_count > max_batch_tokens or mask_entries > max_mask_entries
                if is_full or are_separated(batch[0].length, row.length, switch_length):
                    yield batch
                    batch = []
            batch.append(row)
        if batch:
            yield batch


def _group_sequences(
    sequences: Sequence[ScoredSequence], prefix_length: int, max_length: int
) -> Iterator[list[ScoredSequence]]:
    """Yield groups of sequences. The prefix and all continuations of a group have at most ``max_length`` tokens."""
    group: list[ScoredSequence] = []
    length = prefix_length
    for sequence in sequences:
        continuation_length = len(sequence.token_ids) - 1 - prefix_length
        if group and length + continuation_length > max_length:
            yield group
            group, length = [], prefix_length
        group.append(sequence)
        length += continuation_length
    if group:
        yield group


def _build_row(sequences: Sequence[ScoredSequence], prefix_length: int) -> Row:
    prefix = sequences[0].token_ids[:prefix_length]
    tokens, positions = [prefix], [np.arange(prefix_length)]
    continuations = [np.full(prefix_length, SHARED_PREFIX)]
    outputs, targets, score_indices = [], [], []
    length = prefix_length
    for number, sequence in enumerate(sequences, start=1):
        continuation = sequence.token_ids[prefix_length:-1]
        tokens.append(continuation)
        positions.append(np.arange(prefix_length, prefix_length + len(continuation)))
        continuations.append(np.full(len(continuation), number if len(sequences) > 1 else SHARED_PREFIX))
        read = np.arange(sequence.first_target - 1, len(sequence.token_ids) - 1)  # indices of the predicting tokens
        outputs.append(np.where(read < prefix_length, read, read + length - prefix_length))
        targets.append(sequence.token_ids[sequence.first_target :])
        score_indices.append(np.full(len(read), sequence.score_index))
        length += len(continuation)
    return Row(
        *(np.concatenate(parts) for parts in (tokens, positions, continuations, outputs, targets, score_indices))
    )


def _count_shared_tokens(sequences: Sequence[ScoredSequence]) -> int:
    """Return how many tokens all sequences have in common at the beginning, without the last token of each sequence."""
    first = sequences[0].token_ids
    shared = len(first) - 1
    for sequence in sequences[1:]:
        shared = min(shared, len(sequence.token_ids) - 1)
        different = np.flatnonzero(first[:shared] != sequence.token_ids[:shared])
        shared = int(different[0]) if len(different) else shared
    return shared
