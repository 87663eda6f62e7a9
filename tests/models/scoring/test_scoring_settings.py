"""Which settings of scoring are refused, and which are part of the score key."""

from __future__ import annotations

import pytest

from trailhouse.errors import UsageError
from trailhouse.models.scoring.scoring_settings import ScoringSettings


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"dtype": "float64"}, "dtype 'float64' is not known"),
        ({"quanta_per_nat": 100}, "quanta_per_nat 100 is not known"),
        ({"context_length": 0}, "context_length is 0"),
        ({"stride": 0}, "stride is 0"),
        ({"max_batch_tokens": -1}, "max_batch_tokens is -1"),
        ({"context_length": 8, "stride": 9}, "stride 9 is larger than context_length 8"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(values, problem):
    with pytest.raises(UsageError, match=f"^{problem} ") as caught:
        ScoringSettings(**values)
    assert caught.value.hint


@pytest.mark.parametrize(
    "values",
    [
        {"context_length": 1, "stride": 1, "max_batch_tokens": 1},
        {"context_length": 8},
        {"stride": 9},
        {"quanta_per_nat": 0},
        {"quanta_per_nat": 1_000},
        {"dtype": "bfloat16"},
        {"dtype": "float16"},
    ],
)
def test_the_smallest_values_and_all_known_types_are_allowed(values):
    settings = ScoringSettings(**values)
    assert {name: getattr(settings, name) for name in values} == values


def test_the_record_of_the_default_settings_is_that_of_all_scores_made_so_far():
    assert ScoringSettings().as_record() == {
        "scoring_method": 1,
        "dtype": "float32",
        "context_length": None,
        "stride": None,
        "quanta_per_nat": 10_000,
        "with_entropy": False,
        "with_target_rank": False,
    }


def test_a_beginning_and_compilation_are_in_the_record_only_where_they_are_used():
    plain = ScoringSettings().as_record()
    begun = ScoringSettings(text_beginning_token_ids=(1, 2))
    assert begun.as_record() == {**plain, "text_beginning_token_ids": [1, 2]}
    assert begun.beginning_record() == {"text_beginning_token_ids": [1, 2]}
    assert ScoringSettings().beginning_record() == {}
    assert ScoringSettings(is_compiled=True).as_record() == {**plain, "is_compiled": True}


def test_the_device_and_the_size_of_a_batch_are_not_in_the_record():
    assert ScoringSettings(device="cuda", max_batch_tokens=7).as_record() == ScoringSettings().as_record()
