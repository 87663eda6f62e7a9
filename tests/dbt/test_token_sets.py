"""Token sets defined by one model and measured on others, compared with plain Python."""

import math

import numpy as np
import pytest

STEPS = {
    "s/small": [0, 100, 200, 300, 400, 500],
    "s/large": [0, 100, 250, 300, 450, 500, 550],
    "t/other": [0, 100, 200],
}
TOKENS = [(token // 20, 1 + token % 20) for token in range(80)]


def make_series(model_id: str) -> dict[tuple[int, int], dict[int, float]]:
    """Series that fall, rise, stay constant or oscillate; the large model lacks some scores at step 250."""
    random = np.random.default_rng(len(model_id))
    shapes = [
        lambda x: -4 * math.exp(-x),
        lambda x: -1 - 2 * x,
        lambda x: -1.0,
        lambda x: -3 + 2 * math.sin(9 * x),
    ]
    return {
        token: {
            step: float(np.float32(shapes[index % 4](step / 500) - 0.1 * random.random() * (index % 4 != 2)))
            for step in STEPS[model_id]
            if (model_id, step, index % 5) != ("s/large", 250, 0)
        }
        for index, token in enumerate(TOKENS)
    }


@pytest.fixture(scope="module")
def series_by_model(warehouse):
    """Two models with one tokenizer and a third with another. They are scored, and dbt has built the marts."""
    warehouse.add_corpus("books", dict.fromkeys(range(4), 21))
    made = {model_id: make_series(model_id) for model_id in STEPS}
    for model_id, steps in STEPS.items():
        warehouse.add_model(model_id, steps, planned_steps=steps[-1])
        warehouse.score(model_id, "books", made[model_id], tokenizer_id="other" if model_id == "t/other" else "tok")
    selection = ["+fct_double_descent", "trend_convention"]
    warehouse.dbt(
        "build", "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable", "--select", *selection
    )
    return made


@pytest.fixture(scope="module")
def categories(warehouse, series_by_model):
    """Category of every token under the default convention, by model and start."""
    rows = warehouse.rows(
        "select model_id, start_percent, category, document_id, position from int_token_trend_by_start"
        " where convention_id = 'paper'"
    )
    sets = {}
    for model_id, percent, category, *token in rows:
        sets.setdefault((model_id, percent, category), []).append(tuple(token))
    return sets


@pytest.fixture(scope="module")
def trajectories(warehouse, series_by_model):
    """By token set, followed model and step: number and share of the tokens, and perplexities."""
    rows = warehouse.rows(
        "select set_model_id, start_percent, category, model_id, step, token_count, token_share, perplexity,"
        " validation_perplexity from fct_token_set_trajectory order by all"
    )
    return {row[:5]: row[5:] for row in rows}


def test_a_set_is_followed_in_every_model_with_its_tokenizer_and_in_no_other(categories, trajectories, series_by_model):
    followed = {
        "s/small": ("s/small", "s/large"),
        "s/large": ("s/small", "s/large"),
        "t/other": ("t/other",),
    }
    assert set(trajectories) == {
        (*chosen, model_id, step)
        for chosen, tokens in categories.items()
        for model_id in followed[chosen[0]]
        for step in STEPS[model_id]
        if any(step in series_by_model[model_id][token] for token in tokens)
    }
    assert {key[2] for key in trajectories} == {"upward", "downward", "stagnated", "other"}


def test_the_perplexity_of_a_set_is_the_geometric_mean_over_its_tokens(categories, trajectories, series_by_model):
    for (*chosen, model_id, step), (token_count, token_share, perplexity, validation) in trajectories.items():
        series = series_by_model[model_id]
        everything = [values[step] for values in series.values() if step in values]
        scores = [series[token][step] for token in categories[tuple(chosen)] if step in series[token]]
        assert token_count == len(scores)
        assert token_share == len(scores) / len(everything)
        assert perplexity == pytest.approx(math.exp(-math.fsum(scores) / len(scores)), rel=1e-8)
        assert validation == pytest.approx(math.exp(-math.fsum(everything) / len(everything)), rel=1e-8)


def test_a_double_descent_is_the_largest_rise_and_a_fall_below_where_it_began(warehouse, trajectories):
    curves = {}
    for (*chosen, model_id, step), (_, _, perplexity, validation) in trajectories.items():
        curves.setdefault((*chosen, model_id), []).append((step, perplexity, validation))
    rows = warehouse.rows(
        "select set_model_id, start_percent, category, model_id, minimum_step, peak_step, later_minimum_step,"
        " minimum_validation_perplexity, peak_validation_perplexity, later_minimum_validation_perplexity,"
        " rise_nats, fall_nats, is_double_descent from fct_double_descent where corpus_id = 'books'"
    )
    assert {row[:4] for row in rows} == set(curves)
    for row in rows:
        curve = curves[row[:4]]
        early, peak = max(
            ((i, k) for k in range(len(curve)) for i in range(k + 1)),
            key=lambda pair: (curve[pair[1]][1] / curve[pair[0]][1], -pair[1], -pair[0]),
        )
        late = min(range(peak, len(curve)), key=lambda index: curve[index][1])
        turns = [curve[index] for index in (early, peak, late)]
        assert row[4:7] == tuple(turn[0] for turn in turns)
        assert row[7:10] == tuple(turn[2] for turn in turns)
        rise, fall = math.log(turns[1][1] / turns[0][1]), math.log(turns[1][1] / turns[2][1])
        assert row[10:12] == (pytest.approx(rise, abs=1e-12), pytest.approx(fall, abs=1e-12))
        assert row[12] == (rise > 0 and turns[2][1] < turns[0][1])
    assert {row[12] for row in rows} == {True, False}
