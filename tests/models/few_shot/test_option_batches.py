"""Rows with a shared prefix, and batches of rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.models.few_shot.option_batches import (
    ScoredSequence,
    build_plain_rows,
    build_shared_prefix_rows,
    group_rows,
)


def test_a_prompt_is_read_once_for_all_its_options():
    prompt = list(range(1, 11))
    sequences = [
        ScoredSequence(np.asarray([*prompt, 50 + index, 60 + index], np.int32), len(prompt), index)
        for index in range(4)
    ]
    (row,) = build_shared_prefix_rows(sequences, 100)
    assert row.length == len(prompt) + 4
    assert row.positions.tolist() == [*range(10), 10, 10, 10, 10]
    assert row.continuations.tolist() == [*[0] * 10, 1, 2, 3, 4]
    assert row.outputs.tolist() == [9, 10, 9, 11, 9, 12, 9, 13]
    assert row.targets.tolist() == [50, 60, 51, 61, 52, 62, 53, 63]
    assert row.score_indices.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_example_of_the_docstring():
    """The token ids of the example are: the 0, cat 1, sat 2, on 3, a 4, in 5, under 6.

    The last token of an option is only predicted, so no row holds it.
    """
    endings = ([3, 4, 9], [5, 0, 9], [6, 9])
    sequences = [ScoredSequence(np.asarray([0, 1, 2, *ending], np.int32), 3, i) for i, ending in enumerate(endings)]
    (row,) = build_shared_prefix_rows(sequences, 8)
    assert row.token_ids.tolist() == [0, 1, 2, 3, 4, 5, 0, 6]
    assert row.positions.tolist() == [0, 1, 2, 3, 4, 3, 4, 3]
    assert row.continuations.tolist() == [0, 0, 0, 1, 1, 2, 2, 3]


def test_a_row_is_filled_up_to_its_limit_and_not_beyond():
    sequences = [ScoredSequence(np.asarray([7, 7, 7, index, index, 9], np.int32), 3, index) for index in range(5)]
    lengths = {limit: [row.length for row in build_shared_prefix_rows(sequences, limit)] for limit in (4, 6, 7, 8, 9)}
    assert lengths == {4: [5] * 5, 6: [5] * 5, 7: [7, 7, 5], 8: [7, 7, 5], 9: [9, 7]}
    assert [row.has_continuations for row in build_shared_prefix_rows(sequences, 7)] == [True, True, False]


def test_equal_inputs_are_one_plain_row():
    sequences = [ScoredSequence(np.asarray([1, 2, last], np.int32), 2, index) for index, last in enumerate((3, 4))]
    other = ScoredSequence(np.asarray([1, 5, 3], np.int32), 1, 2)
    rows = build_plain_rows([sequences[0], other, sequences[1]])
    assert [row.token_ids.tolist() for row in rows] == [[1, 2], [1, 5]]
    assert [row.targets.tolist() for row in rows] == [[3, 4], [5, 3]]
    assert [row.score_indices.tolist() for row in rows] == [[0, 1], [2, 2]]
    assert not any(row.has_continuations for row in rows)


@given(seed=st.integers(0, 10_000), max_length=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_rows_hold_every_target_once_with_the_tokens_before_it(seed, max_length):
    generator = np.random.default_rng(seed)
    prompt = generator.integers(0, 5, generator.integers(1, 12)).astype(np.int32)
    sequences = [
        ScoredSequence(
            np.concatenate([prompt, generator.integers(0, 3, generator.integers(1, 6))]).astype(np.int32),
            len(prompt),
            index,
        )
        for index in range(generator.integers(1, 7))
    ]
    seen: dict[int, list[tuple[tuple[int, ...], int]]] = {}
    for row in build_shared_prefix_rows(sequences, max_length):
        assert row.length <= max_length or len(set(row.score_indices.tolist())) == 1
        for output, target, index in zip(row.outputs, row.targets, row.score_indices, strict=True):
            visible = [t for t in range(output + 1) if row.continuations[t] in (0, row.continuations[output])]
            assert [row.positions[t] for t in visible] == list(range(len(visible)))
            seen.setdefault(int(index), []).append((tuple(row.token_ids[visible].tolist()), int(target)))
    for sequence in sequences:
        tokens = sequence.token_ids.tolist()
        assert seen[sequence.score_index] == [(tuple(tokens[:t]), tokens[t]) for t in range(len(prompt), len(tokens))]


def build_rows(lengths, *, has_continuations):
    """Rows of the given lengths. Each holds a single sequence, or two with continuations of one token."""
    rows = []
    for length in lengths:
        prefix = np.zeros(length - 2, np.int32)
        endings = ([1, 9, 9], [2, 9]) if has_continuations else ([1, 1, 9],)
        endings = [ending[: 2 if has_continuations else 3] for ending in endings]
        sequences = [ScoredSequence(np.concatenate([prefix, e]).astype(np.int32), 1, i) for i, e in enumerate(endings)]
        rows += build_shared_prefix_rows(sequences, 1_000)
    assert [row.length for row in rows] == list(lengths)
    assert {row.has_continuations for row in rows} <= {has_continuations}
    return rows


def list_lengths(rows, max_batch_tokens, max_mask_entries):
    return [[row.length for row in batch] for batch in group_rows(rows, max_batch_tokens, max_mask_entries)]


def test_batches_hold_as_many_tokens_as_they_may():
    rows = build_rows([10, 5, 9, 10, 3, 8], has_continuations=False)
    assert list_lengths(rows, 20, 1) == [[10, 10], [9, 8], [5, 3]]
    assert list_lengths(rows, 19, 1) == [[10], [10], [9, 8], [5, 3]]
    assert list_lengths(rows, 1, 1) == [[10], [10], [9], [8], [5], [3]]


def test_the_masks_of_a_batch_hold_as_many_entries_as_they_may():
    rows = build_rows([10, 10, 10, 9], has_continuations=True)
    assert list_lengths(rows, 1_000, 300) == [[10, 10, 10], [9]]
    assert list_lengths(rows, 1_000, 299) == [[10, 10], [10, 9]]
    assert list_lengths(rows, 1_000, 1) == [[10], [10], [10], [9]]


@given(
    shared=st.lists(st.integers(3, 20), max_size=12),
    plain=st.lists(st.integers(3, 20), max_size=12),
    max_batch_tokens=st.integers(1, 90),
    max_mask_entries=st.integers(1, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_batches_hold_every_row_once_within_both_limits(shared, plain, max_batch_tokens, max_mask_entries):
    rows = build_rows(shared, has_continuations=True) + build_rows(plain, has_continuations=False)
    batches = list(group_rows(rows, max_batch_tokens, max_mask_entries))
    assert sorted(id(row) for batch in batches for row in batch) == sorted(id(row) for row in rows)
    for batch in batches:
        longest = max(row.length for row in batch)
        assert len({row.has_continuations for row in batch}) == 1
        assert len(batch) == 1 or longest * len(batch) <= max_batch_tokens
        if batch[0].has_continuations:
            assert len(batch) == 1 or longest**2 * len(batch) <= max_mask_entries
