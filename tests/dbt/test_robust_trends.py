"""The Mann-Kendall test of every token and start, compared with scipy and a plain loop over pairs."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

GRIDS = {
    "s/small": [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 20001, 1000)],
    "s/young": [0, 100, 200, 300, 400, 500],
}
PLANNED = {"s/small": 20000, "s/young": 800}


def make_series(steps: list[int], count: int, seed: int) -> dict[tuple[int, int], dict[int, float]]:
    """Series with ties, constants, trends and gaps, as float32. Some have five points at most."""
    random = np.random.default_rng(seed)
    n = len(steps)
    series = {}
    for token in range(count):
        values = [
            -random.integers(1, 4, n).astype(float),  # many ties
            np.full(n, -random.uniform(0.1, 9)),  # constant: all values are tied
            -4 * np.exp(-np.arange(n) / 8) - 0.1 * random.random(n),  # learning
            -1 - np.arange(n) / 10 - random.random(n),  # forgetting
            -np.round(3 + np.sin(np.arange(n) / 3), 1),  # a wave with ties
            -1 - 0.01 * random.random(n),  # noise within the band of stagnated series
        ][token % 6]
        kept = random.random(n) < (0.7 if token % 5 == 0 else 1)
        if token % 7 == 0:
            kept = np.zeros(n, dtype=bool)
            kept[random.choice(n, size=random.integers(1, 6), replace=False)] = True
        scores = np.float32(values)
        series[token // 100, 1 + token % 100] = {
            step: float(score) for step, score, keep in zip(steps, scores, kept, strict=True) if keep
        }
    return {key: values for key, values in series.items() if values}


@pytest.fixture(scope="module")
def series_by_model(warehouse):
    """Two models, scored on one corpus; dbt has built the mart."""
    warehouse.add_corpus("books", dict.fromkeys(range(4), 101))
    made = {}
    for seed, (model_id, steps) in enumerate(GRIDS.items()):
        warehouse.add_model(model_id, steps, planned_steps=PLANNED[model_id])
        made[model_id] = make_series(steps, 300, seed)
        warehouse.score(model_id, "books", made[model_id])
    warehouse.build("+fct_trend_robustness")
    return made


@pytest.fixture(scope="module")
def perplexities(series_by_model):
    """By model, start and token: the perplexities that are tested for a trend, in the order of the steps."""
    windows = {}
    for model_id, series in series_by_model.items():
        for token, values in series.items():
            for percent in range(0, 100, 10):
                window = [
                    math.exp(-values[step]) for step in sorted(values) if step * 100 >= percent * PLANNED[model_id]
                ]
                if window:
                    windows[model_id, percent, *token] = window
    return windows


@pytest.fixture(scope="module")
def derived(warehouse, series_by_model):
    """By model, start and token: what dbt derives from the Mann-Kendall test."""
    rows = warehouse.rows(
        "select model_id, start_percent, document_id, position, fit_point_count, kendall_score, kendall_tau_b,"
        " p_value, category from int_token_trend_robust_by_start"
    )
    return {row[:4]: row[4:] for row in rows}


def count_pairs(window: list[float]) -> int:
    """Return Kendall's S, the number of rising pairs less that of falling pairs, by a loop over all pairs."""
    return sum(
        (window[later] > window[earlier]) - (window[later] < window[earlier])
        for later in range(len(window))
        for earlier in range(later)
    )


def correct_p_value(window: list[float]) -> float:
    """Return the p-value with continuity correction.

    Scipy computes the p-value without it. The variance of S is derived from scipy's p-value, and then corrected.
    """
    score = abs(count_pairs(window))
    if score == 0:
        return 1.0
    plain = stats.kendalltau(np.arange(len(window)), window, method="asymptotic").pvalue
    deviation = score / stats.norm.isf(plain / 2)
    return float(2 * stats.norm.sf((score - 1) / deviation))


def test_every_token_is_tested_from_every_start_that_training_has_reached(perplexities, derived):
    assert {key: row[0] for key, row in derived.items()} == {key: len(window) for key, window in perplexities.items()}


def test_the_score_counts_rising_pairs_less_falling_ones(perplexities, derived):
    assert {key: row[1] for key, row in derived.items()} == {
        key: count_pairs(window) for key, window in perplexities.items()
    }


def test_tau_equals_that_of_scipy_and_is_null_where_all_perplexities_are_equal(perplexities, derived):
    varying = [key for key, window in perplexities.items() if len(set(window)) > 1]
    want = [stats.kendalltau(np.arange(len(perplexities[key])), perplexities[key]).statistic for key in varying]
    np.testing.assert_allclose([derived[key][2] for key in varying], want, rtol=0, atol=1e-7)
    assert all(derived[key][2] is None for key in set(perplexities) - set(varying))


def test_p_values_are_those_of_the_normal_approximation_with_continuity_correction(perplexities, derived):
    tested = [key for key, window in perplexities.items() if len(window) >= 4]
    want = [correct_p_value(perplexities[key]) for key in tested]
    np.testing.assert_allclose([derived[key][3] for key in tested], want, rtol=1e-5, atol=1e-8)
    assert all(derived[key][3] is None for key in set(perplexities) - set(tested))


def test_no_category_differs_from_the_definition(perplexities, derived):
    for key, window in perplexities.items():
        score = count_pairs(window)
        average = math.exp(np.mean(np.log(window)))
        if len(window) < 3:
            category = "undetermined"
        elif len(window) >= 4 and correct_p_value(window) < 0.05:
            category = "upward" if score > 0 else "downward"
        else:
            is_flat = all(0.95 <= end / average <= 1.05 for end in (window[0], window[-1]))
            category = "stagnated" if is_flat else "other"
        assert derived[key][4] == category, key
    assert len({row[4] for row in derived.values()}) == 5


def test_the_cross_table_counts_what_both_tests_say_of_each_token(warehouse, derived):
    rows = warehouse.rows(
        "select model_id, start_percent, document_id, position, category from int_token_trend_by_start"
        " where convention_id = 'paper' and category != 'undetermined'"
    )
    cells = Counter((*row[:2], row[4], derived[row[:4]][4]) for row in rows)
    starts = Counter(row[:2] for row in rows)
    table = warehouse.rows(
        "select model_id, start_percent, category, robust_category, token_count, token_share, agreement_share"
        " from fct_trend_robustness"
    )
    assert len(table) == 16 * len(starts)
    for *key, token_count, token_share, agreement_share in table:
        agreeing = sum(count for cell, count in cells.items() if cell[:2] == tuple(key[:2]) and cell[2] == cell[3])
        assert token_count == cells[tuple(key)]
        assert token_share == pytest.approx(token_count / starts[tuple(key[:2])])
        assert agreement_share == pytest.approx(agreeing / starts[tuple(key[:2])])
