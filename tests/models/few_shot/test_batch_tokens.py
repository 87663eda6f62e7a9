"""The size of a batch of rows: the tokens of its longest row, for each of its rows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from trailhouse.models.few_shot import evaluator


@pytest.mark.parametrize(("lengths", "expected"), [([5], 5), ([5, 3], 10), ([3, 5, 4], 15)])
def test_the_tokens_of_a_batch_include_the_padding_to_its_longest_row(lengths, expected):
    assert evaluator._count_tokens([SimpleNamespace(length=length) for length in lengths]) == expected


def test_the_masks_of_a_batch_take_at_most_256_mib_in_float32():
    assert evaluator.MAX_MASK_ENTRIES * 4 == 256 * 1024**2
