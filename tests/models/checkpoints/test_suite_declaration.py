"""The limits of a declared suite: ranges of steps, divisors, names and the order of steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.suite_declaration import (
    MAXIMUM_RANGE_STEPS,
    expand_steps,
    names_hub_revision,
    parse_suite_file,
)

MODEL = {"name": "a", "batch_tokens": 64, "planned_steps": 9, "context_length": 32}
FOLDER_MODEL = {**MODEL, "location": "a"}
MINIATURE_MODEL = {**MODEL, "hidden_size": 8, "layer_count": 1, "head_count": 2}


def parse(source: str, *models: dict[str, object], **fields: object):
    declared = {"suite": "s", "description": "d", "source": source, "models": list(models), **fields}
    return parse_suite_file(Path("s.yaml"), yaml.safe_dump(declared))


def expand(*steps: object) -> tuple[int, ...]:
    return expand_steps(parse("folder", {**FOLDER_MODEL, "expected_steps": list(steps)}).models[0].expected_steps)


def test_steps_and_ranges_are_expanded_in_order_and_once():
    assert expand(7, {"from": 2, "to": 8, "every": 3}, 0) == (0, 2, 5, 7, 8)
    assert expand({"from": 2, "to": 7, "every": 3}, 5) == (2, 5)
    assert expand({"from": 4, "to": 4, "every": 1}) == (4,)


def test_a_range_that_goes_down_is_refused():
    with pytest.raises(BadInputError, match="a whole number of at least 4 is expected here"):
        expand({"from": 4, "to": 3, "every": 1})


def test_a_range_has_a_limited_number_of_steps():
    assert len(expand({"from": 1, "to": 1 + MAXIMUM_RANGE_STEPS, "every": 1})) == MAXIMUM_RANGE_STEPS + 1
    assert len(expand({"from": 0, "to": 10 * MAXIMUM_RANGE_STEPS + 9, "every": 10})) == MAXIMUM_RANGE_STEPS + 1
    with pytest.raises(BadInputError, match="gives more than 100000 numbers"):
        expand({"from": 1, "to": 2 + MAXIMUM_RANGE_STEPS, "every": 1})


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([0, 4, 9], None),
        ([9], None),
        ([0, 4, 4, 9], "the numbers do not increase"),
        ([0, 5, 4, 9], "the numbers do not increase"),
        ([0, 4], "is not the last of checkpoint_steps"),
    ],
)
def test_the_steps_of_a_miniature_suite_increase_to_the_planned_steps(steps, problem):
    if problem is None:
        assert parse("miniature", MINIATURE_MODEL, checkpoint_steps=steps).checkpoint_steps == tuple(steps)
    else:
        with pytest.raises(BadInputError, match=problem):
            parse("miniature", MINIATURE_MODEL, checkpoint_steps=steps)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"head_count": 3}, r"head_count: does not divide hidden_size"),
        ({"batch_tokens": 65}, r"batch_tokens: is no multiple of context_length"),
        ({"architecture": "rwkv", "layer_count": 1}, r"layer_count: is too small for RWKV"),
    ],
)
def test_sizes_of_a_miniature_model_that_do_not_divide_are_refused(changes, problem):
    with pytest.raises(BadInputError, match=problem):
        parse("miniature", {**MINIATURE_MODEL, **changes}, checkpoint_steps=[9])


def test_two_models_of_one_name_are_refused():
    assert len(parse("folder", FOLDER_MODEL, {**FOLDER_MODEL, "name": "b"}).models) == 2
    with pytest.raises(BadInputError, match="two models are called 'a'"):
        parse("folder", FOLDER_MODEL, FOLDER_MODEL)


@pytest.mark.parametrize(
    ("tokenizer", "is_revision"),
    [("owner/name@main", True), ("tokenizer", False), ("/a@b", False), ("./a@b", False), ("~/a@b", False)],
)
def test_a_revision_is_told_from_a_directory(tokenizer, is_revision):
    assert names_hub_revision(tokenizer) is is_revision
