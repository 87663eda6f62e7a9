"""Tiny models of the types that transformers knows.

Each is either scored as by a plain loop, or refused with the message that ``outcomes.REFUSED`` declares for its type.
"""

from __future__ import annotations

import random

import pytest

from tests.models.families.family_check import check_family
from tests.models.families.outcomes import TRIED_COUNT, find_surprise, list_tried_types
from tests.reliability.rows import Row


@pytest.mark.reliability(table="Reliability", row="model families", ci=TRIED_COUNT, release=TRIED_COUNT)
def test_no_type_is_scored_wrong(row: Row):
    outcomes = []
    for model_type in random.Random(row.seed).sample(list_tried_types(), row.asked):
        verdict = check_family(model_type)
        surprise = find_surprise(verdict)
        row.require(not surprise, surprise)
        outcomes.append(verdict.outcome)
        row.done_count += 1
    row.detail = f"{outcomes.count('right')} types right, {outcomes.count('refused')} refused"
