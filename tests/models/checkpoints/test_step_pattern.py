"""Step patterns: what the names of checkpoints state, and when a stated number of tokens is taken."""

from __future__ import annotations

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.step_pattern import TrainingPosition, find_pattern_problem, read_training_position

STEP_AND_TOKENS = r"step(?P<step>\d+)-(?P<tokens_millions>\d+)M"


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (r"step(\d+)", "step7", (7, 7_000_000)),
        (r"(?:step|checkpoint-)(\d+)", "checkpoint-7", (7, 7_000_000)),
        (r"a(\d+)|b(\d+)", "b7", (7, 7_000_000)),
        (r"step(?P<step>\d+)", "step0", (0, 0)),
        # tokens are step x batch, unless the name states a number that differs by more than a million, its unit
        (STEP_AND_TOKENS, "step7-6M", (7, 7_000_000)),
        (STEP_AND_TOKENS, "step7-8M", (7, 7_000_000)),
        (STEP_AND_TOKENS, "step7-5M", (7, 5_000_000)),
        (STEP_AND_TOKENS, "step7-9M", (7, 9_000_000)),
        (r"(?P<tokens>\d+)", "2600000", (3, 2_600_000)),
        (r"(\d+)", "1" * 18, (int("1" * 18), int("1" * 18) * 1_000_000)),
        (r"(?P<step>\d+)(?P<tokens_millions>x)?", "7", (7, 7_000_000)),
        (r"(?P<tokens_thousands>\d+)k", "2400k", (2, 2_400_000)),
        (r"(?P<tokens_billions>\d+)B", "2B", (2000, 2_000_000_000)),
        (r"(?P<tokens_trillions>\d+)T", "1T", (1_000_000, 10**12)),
    ],
)
def test_a_name_states_step_and_tokens(pattern, name, expected):
    assert read_training_position(pattern, name, 1_000_000) == TrainingPosition(*expected)


@pytest.mark.parametrize("name", ["step7-old", "my-step7", "main"])
def test_a_name_that_does_not_match_as_a_whole_states_nothing(name):
    assert read_training_position(r"step(\d+)", name, 1) is None


@pytest.mark.parametrize(
    ("pattern", "name"), [(r"(\d+)", "1" * 19), (r"s(\w+)", "sx"), (r"s(\d*)", "s"), (r"s(\d+)?", "s")]
)
def test_a_match_without_a_number_is_named(pattern, name):
    with pytest.raises(BadInputError, match=f"{name}: step_pattern captures"):
        read_training_position(pattern, name, 1)


def test_a_pattern_needs_a_group_and_knows_its_names():
    assert find_pattern_problem(r"step(\d+)") is None
    assert find_pattern_problem(r"step\d+") == "has no group for the step"
    assert "no regular expression" in find_pattern_problem("(")
    assert "has a group called 'stp'" in find_pattern_problem(r"(?P<stp>\d+)")
