from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.models.scoring.windows import Window, are_separated, group_documents, group_windows, plan_windows


@st.composite
def window_plans(draw):
    context_length = draw(st.integers(1, 40))
    return draw(st.integers(0, 200)), context_length, draw(st.integers(1, context_length))


@given(window_plans())
def test_every_position_but_the_first_is_predicted_exactly_once_in_order(plan):
    token_count, context_length, stride = plan
    predicted = [
        position
        for window in plan_windows(0, token_count, context_length, stride)
        for position in range(window.first_target, window.end)
    ]
    assert predicted == list(range(1, token_count))


@given(window_plans())
def test_no_window_reads_more_than_the_context_or_less_than_the_overlap(plan):
    token_count, context_length, stride = plan
    for window in plan_windows(0, token_count, context_length, stride):
        assert 0 <= window.start < window.first_target < window.end <= token_count
        assert window.input_length <= context_length
        for position in range(window.first_target, window.end):
            assert position - window.start >= min(position, context_length - stride + 1)


@given(window_plans(), st.integers(0, 50))
def test_appended_tokens_change_no_earlier_context(plan, appended):
    token_count, context_length, stride = plan

    def find_contexts(count):
        windows = plan_windows(0, count, context_length, stride)
        return {position: window.start for window in windows for position in range(window.first_target, window.end)}

    shorter, longer = find_contexts(token_count), find_contexts(token_count + appended)
    assert shorter.items() <= longer.items()


def test_the_example_of_the_docstring():
    windows = list(plan_windows(7, 9, 4, 2))
    assert [window[:4] for window in windows] == [(7, 0, 1, 5), (7, 2, 5, 7), (7, 4, 7, 9)]
    assert [window.target_count for window in windows] == [4, 2, 2]
    assert [window.input_length for window in windows] == [4, 4, 4]


def test_the_context_length_includes_the_beginning_after_which_position_0_is_predicted():
    windows = list(plan_windows(7, 9, 5, 2, beginning_length=1))
    assert [window[:4] for window in windows] == [(7, 0, 0, 5), (7, 2, 5, 7), (7, 4, 7, 9)]
    assert [window.input_length for window in windows] == [5, 5, 5]
    assert [window[:4] for window in plan_windows(0, 1, 5, 2, beginning_length=1)] == [(0, 0, 0, 1)]
    assert list(plan_windows(0, 0, 5, 2, beginning_length=1)) == []


@given(window_plans(), st.integers(1, 3))
def test_with_a_beginning_every_position_is_predicted_exactly_once_within_the_context(plan, beginning_length):
    token_count, place_count, stride = plan
    context_length = place_count + beginning_length
    windows = list(plan_windows(0, token_count, context_length, stride, beginning_length))
    predicted = [position for window in windows for position in range(window.first_target, window.end)]
    assert predicted == list(range(token_count))
    assert all(beginning_length <= window.input_length <= context_length for window in windows)


@settings(max_examples=50)
@given(st.lists(st.integers(2, 60), max_size=30), st.integers(1, 200))
def test_batches_hold_every_window_once_within_the_budget_longest_first(token_counts, max_batch_tokens):
    windows = [window for index, count in enumerate(token_counts) for window in plan_windows(index, count, 20, 10)]
    batches = list(group_windows(windows, max_batch_tokens))
    assert sorted(window for batch in batches for window in batch) == sorted(windows)
    widths = [batch[0].input_length for batch in batches]
    assert widths == sorted(widths, reverse=True)
    for batch in batches:
        assert batch[0].input_length == max(window.input_length for window in batch)
        assert len(batch) == 1 or len(batch) * batch[0].input_length <= max_batch_tokens


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 60))
def test_sections_are_consecutive_and_bounded(token_counts, max_positions):
    sections = list(group_documents(token_counts, max_positions))
    assert [index for section in sections for index in section] == list(range(len(token_counts)))
    for section in sections:
        assert len(section) == 1 or np.sum([token_counts[index] for index in section]) <= max_positions


@pytest.mark.parametrize(
    ("token_counts", "expected"),
    [
        ([], []),
        ([0], [[0]]),
        ([3, 3], [[0, 1]]),
        ([3, 4], [[0], [1]]),
        ([3, 4, 2], [[0], [1, 2]]),
        ([3, 4, 3], [[0], [1], [2]]),
        ([7, 1, 5], [[0], [1, 2]]),
        ([1, 7, 6, 0], [[0], [1], [2, 3]]),
    ],
)
def test_a_section_is_filled_up_to_six_tokens_and_not_beyond(token_counts, expected):
    assert [list(section) for section in group_documents(token_counts, 6)] == expected


@pytest.mark.parametrize(
    ("longest", "length", "switch_length", "expected"),
    [(11, 10, 10, True), (10, 9, 10, False), (12, 11, 10, False), (11, 10, None, False), (10, 10, 10, False)],
)
def test_only_texts_on_both_sides_of_the_switch_length_are_separated(longest, length, switch_length, expected):
    assert are_separated(longest, length, switch_length) is expected


@pytest.mark.parametrize(
    ("shorter", "enough_tokens", "batch_count"), [(95, 100, 1), (94, 100, 2), (94, 101, 1), (94, None, 1)]
)
def test_padding_of_a_twentieth_is_no_reason_to_end_a_batch(shorter, enough_tokens, batch_count):
    windows = [Window(0, 0, 1, 101), Window(1, 0, 1, shorter + 1)]
    assert len(list(group_windows(windows, 1_000, enough_tokens))) == batch_count


def test_a_batch_that_is_enough_ends_before_padding_begins():
    windows = [Window(index, 0, 1, length + 1) for index, length in enumerate((100, 98, 97, 96, 40, 39, 20))]
    lengths = [[window.input_length for window in batch] for batch in group_windows(windows, 400, 150)]
    assert lengths == [[100, 98, 97, 96], [40, 39, 20]]
    assert [len(batch) for batch in group_windows(windows, 400)] == [4, 3]
    assert [len(batch) for batch in group_windows(windows[2:], 400, 150)] == [2, 3]
    assert [len(batch) for batch in group_windows(windows[2:], 400, 200)] == [3, 2]
