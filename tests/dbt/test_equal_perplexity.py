"""Interpolation at equal validation perplexity, compared with numpy."""

import numpy as np
import pytest

STEPS = {
    "s/small": [0, 50, 100, 150, 200, 250, 300, 400, 500],
    "s/large": [0, 100, 250, 300, 450, 500, 550],
    "s/twin": [50, 100, 300, 500],
    "t/other": [0, 100, 200],
}
PARAMETERS = {"s/small": 1000, "s/large": 175_000_000_000, "s/twin": 1000, "t/other": 500}
MARTS = (
    "fct_token_set_trajectory",
    "fct_token_set_trajectory_by_axis",
    "fct_equal_perplexity_alignment",
)
AXES = {
    "parameters": "parameter_count",
    "tokens seen": "tokens_seen",
    "training FLOPs (6N)": "train_flops_6n",
    "training FLOPs (PaLM)": "train_flops_palm",
    "validation perplexity": "validation_perplexity",
}


def make_series(model_id: str) -> dict[tuple[int, int], dict[int, float]]:
    """Series that fall, rise, stay constant or oscillate, so that the validation perplexity is not monotone."""
    random = np.random.default_rng(sum(model_id.encode()))
    speed = 1 + len(model_id) / 9
    shapes = [
        lambda x: -5 * np.exp(-2 * x * speed),
        lambda x: -1 - x,
        lambda x: -1.0,
        lambda x: -3 + 1.5 * np.sin(9 * x * speed) + 2 * x,
    ]
    return {
        (token // 20, 1 + token % 20): {
            step: float(np.float32(shapes[token % 4](step / 500) - 0.1 * random.random() * (token % 4 != 2)))
            for step in STEPS[model_id]
        }
        for token in range(80)
    }


@pytest.fixture(scope="module")
def built(warehouse):
    """Three models with one tokenizer and a fourth with another. They are scored, and dbt has built the marts."""
    warehouse.add_corpus("books", dict.fromkeys(range(4), 21))
    for model_id, steps in STEPS.items():
        sizes = {"parameter_count": PARAMETERS[model_id], "layer_count": 2, "head_count": 2, "head_dimension": 4}
        warehouse.add_model(model_id, steps, planned_steps=500, context_length=64, **sizes)
        tokenizer_id = "other" if model_id == "t/other" else "tok"
        warehouse.score(model_id, "books", make_series(model_id), tokenizer_id=tokenizer_id)
    warehouse.build(*(f"+{mart}" for mart in MARTS))
    return warehouse


@pytest.fixture(scope="module")
def trajectories(built):
    """By token set and model: the perplexities and axes of all checkpoints, as arrays in the order of the steps."""
    columns = ["step", "perplexity", *AXES.values()]
    rows = built.rows(
        f"select set_model_id, start_percent, category, model_id, {', '.join(columns)} from fct_token_set_trajectory"
        " order by all"
    )
    curves = {}
    for row in rows:
        curves.setdefault(row[:4], []).append(row[4:])
    return {key: dict(zip(columns, np.array(curve, dtype=float).T, strict=True)) for key, curve in curves.items()}


def test_a_model_is_read_between_the_checkpoints_where_it_first_reaches_a_perplexity(built, trajectories):
    expected = {}
    rest = built.rows(
        "select set_model_id, start_percent, category, model_id, step, rest_perplexity from int_token_set_and_rest"
    )
    perplexity_of_rest = {row[:5]: row[5] for row in rest}
    for key, curve in trajectories.items():
        # a set is compared at equal perplexity of the tokens that are not in it
        perplexities = [perplexity_of_rest[*key, int(step)] for step in curve["step"]]
        losses, values = np.log(np.array(perplexities, dtype=float)), np.log(curve["perplexity"])
        for number in range(0, 120):
            after = next((index for index, loss in enumerate(losses) if loss <= number * 0.1), 0)
            if after > 0:
                pair = [after, after - 1]
                value = np.interp(number * 0.1, losses[pair], values[pair])
                expected[*key, number] = (curve["step"][after - 1], curve["step"][after], value)
    rows = built.rows(
        "select set_model_id, start_percent, category, model_id, toInt64(round(log(perplexity_level) * 10)),"
        " step_before, step_after, measure_value from fct_equal_perplexity_alignment where corpus_id = 'books'"
    )
    assert len(rows) == len(expected) > 1000
    assert any(np.any(np.diff(curve["validation_perplexity"]) > 0) for curve in trajectories.values())
    for row in rows:
        assert row[5:7] == expected[row[:5]][:2]
        assert row[7] == pytest.approx(expected[row[:5]][2], abs=1e-9)


def value_at(level: float, x: np.ndarray, y: np.ndarray, *, is_falling: bool) -> tuple[float, bool] | None:
    """Return the perplexity at a level of the axis, and whether it was measured there (or else interpolated).

    Returns None if the model does not reach the level.
    """
    if level in x:
        return y[list(x).index(level)], True
    after = next((index for index, value in enumerate(x) if (value <= level if is_falling else value >= level)), 0)
    if after == 0 or x[after - 1] <= 0:
        return None
    weight = np.log(level / x[after - 1]) / np.log(x[after] / x[after - 1])
    return y[after - 1] ** (1 - weight) * y[after] ** weight, False


@pytest.mark.parametrize(
    ("axis", "column", "unit"),
    [
        ("step", "step", 1),
        ("tokens seen", "tokens_seen", 1),
        ("training EFLOPs (PaLM)", "train_flops_palm", 1e18),
        ("validation perplexity", "validation_perplexity", 1),
    ],
)
def test_a_line_is_measured_or_read_where_the_model_first_reaches_the_value(built, trajectories, axis, column, unit):
    is_falling = axis == "validation perplexity"
    trajectories = {key: {**curve, column: curve[column] / unit} for key, curve in trajectories.items()}
    levels = {}
    for key, curve in trajectories.items():
        levels.setdefault(key[3][0], set()).update(curve[column])
    expected = {}
    for key, curve in trajectories.items():
        for level in levels[key[3][0]]:
            found = value_at(level, curve[column], curve["perplexity"], is_falling=is_falling)
            if found:
                expected[*key, level] = found
    rows = built.rows(
        "select set_model_id, start_percent, category, model_id, axis_value, perplexity, is_measured"
        f" from fct_token_set_trajectory_by_axis where axis = '{axis}' and corpus_id = 'books'"
    )
    assert {row[:5] for row in rows} == set(expected)
    assert len(rows) == len(expected)
    for row in rows:
        assert row[5:] == (pytest.approx(expected[row[:5]][0], rel=1e-9), expected[row[:5]][1])
    assert {row[6] for row in rows} == {True, False}


def test_no_axis_has_values_that_a_browser_cannot_read(built):
    largest, largest_flops = built.rows(
        "select (select max(axis_value) from fct_token_set_trajectory_by_axis), max(train_flops_palm)"
        " from fct_token_set_trajectory"
    )[0]
    assert largest < 2**53 < largest_flops
