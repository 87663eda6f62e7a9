"""Rows of a batch: an item's prompt once, its options side by side behind it.

    tokens     the  cat  sat   on  a | in  the | under
    position     0    1    2    3  4 |  3    4 |     3
    branch       0    0    0    1  1 |  2    2 |     3      0: the trunk, which all options share

A token sees the trunk and its own branch up to itself, so every option reads just what it would read alone, and
the prompt is computed once. The last token of an option is predicted, never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trailhouse.models.few_shot.option_encoding import Tokens

Indices = npt.NDArray[np.int64]
TRUNK = 0


@dataclass(frozen=True)
class ScoredSequence:
    """A sequence whose tokens from ``first_target`` on are scored; their sum goes to ``place``."""

    token_ids: Tokens
    first_target: int
    place: int


@dataclass(frozen=True)
class Row:
    """What a model reads at once, and what is scored after which of its tokens."""

    token_ids: Tokens
    """(T,)"""
    positions: Indices
    """(T,) how many tokens each one has before it."""
    branches: Indices
    """(T,) the branch of each token; all TRUNK where the row is a plain text."""
    outputs: Indices
    """(N,) tokens after which something is scored."""
    targets: Tokens
    """(N,) what is scored there."""
    places: Indices
    """(N,) where each score is added."""

    @property
    def length(self) -> int:
        """Tokens of the row."""
        return len(self.token_ids)

    @property
    def has_branches(self) -> bool:
        """Whether the row is more than a plain text."""
        return bool(self.branches[-1] != TRUNK)


def build_plain_rows(sequences: Sequence[ScoredSequence]) -> list[Row]:
    """Return a row for every distinct text that is read."""
    groups: dict[bytes, list[ScoredSequence]] = {}
    for sequence in sequences:
        groups.setdefault(sequence.token_ids[:-1].tobytes(), []).append(sequence)
    return [_build_row(group, len(group[0].token_ids) - 1) for group in groups.values()]


def build_branched_rows(sequences: Sequence[ScoredSequence], max_length: int) -> list[Row]:
    """Return rows of at most ``max_length`` tokens for sequences that begin alike.

    A row that holds a single sequence may be longer.
    """
    trunk_length = _count_shared(sequences)
    rows = []
    for group in _pack(sequences, trunk_length, max_length):
        rows.append(_build_row(group, trunk_length))
    return rows


def _pack(sequences: Sequence[ScoredSequence], trunk_length: int, max_length: int) -> Iterator[list[ScoredSequence]]:
    group: list[ScoredSequence] = []
    length = trunk_length
    for sequence in sequences:
        branch_length = len(sequence.token_ids) - 1 - trunk_length
        if group and length + branch_length > max_length:
            yield group
            group, length = [], trunk_length
        group.append(sequence)
        length += branch_length
    if group:
        yield group


def _build_row(sequences: Sequence[ScoredSequence], trunk_length: int) -> Row:
    trunk = sequences[0].token_ids[:trunk_length]
    tokens, positions, branches = [trunk], [np.arange(trunk_length)], [np.full(trunk_length, TRUNK)]
    outputs, targets, places = [], [], []
    length = trunk_length
    for number, sequence in enumerate(sequences, start=1):
        end = len(sequence.token_ids)
        read = np.arange(sequence.first_target - 1, end - 1)  # in the sequence
        outputs.append(np.where(read < trunk_length, read, read + length - trunk_length))
        targets.append(sequence.token_ids[sequence.first_target :])
        places.append(np.full(len(read), sequence.place))
        branch = sequence.token_ids[trunk_length : end - 1]
        tokens.append(branch)
        positions.append(np.arange(trunk_length, trunk_length + len(branch)))
        branches.append(np.full(len(branch), number if len(sequences) > 1 else TRUNK))
        length += len(branch)
    return Row(*(np.concatenate(parts) for parts in (tokens, positions, branches, outputs, targets, places)))


def _count_shared(sequences: Sequence[ScoredSequence]) -> int:
    """Return how many tokens all sequences read in common at their beginning."""
    first = sequences[0].token_ids
    shared = len(first) - 1
    for sequence in sequences[1:]:
        shared = min(shared, len(sequence.token_ids) - 1)
        different = np.flatnonzero(first[:shared] != sequence.token_ids[:shared])
        shared = int(different[0]) if len(different) else shared
    return shared


def group_rows(rows: Sequence[Row], max_batch_tokens: int, max_mask_entries: int) -> Iterator[list[Row]]:
    """Yield batches of rows of one kind and like length, the longest first.

    No batch, padded to its longest row, exceeds ``max_batch_tokens``, nor its attention masks
    ``max_mask_entries``, unless a single row does.
    """
    for has_branches in (True, False):
        batch: list[Row] = []
        chosen = [row for row in rows if row.has_branches == has_branches]
        for row in sorted(chosen, key=lambda row: row.length, reverse=True):
            if batch:
                tokens = batch[0].length * (len(batch) + 1)
                is_full = tokens > max_batch_tokens or (has_branches and tokens * batch[0].length > max_mask_entries)
                if is_full:
                    yield batch
                    batch = []
            batch.append(row)
        if batch:
            yield batch
