"""Every trend that dbt derives, compared with scipy and statsmodels: 2,100 series, four conventions, ten starts."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tests.support.reference_trends import BATCH_TOKENS, categorise, find_start, fit_windows

CONVENTIONS = ("paper", "paper_index", "log_step", "ours")
STARTS = range(0, 100, 10)
GRIDS = {
    "s/small": ([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 20001, 1000)], 20000),
    "s/large": ([*range(2000, 38001, 4000), *range(40000, 140001, 20000)], 143000),
    "s/young": ([0, 100, 200, 300, 400, 500], 2000),
    "s/rounded": ([100, 200, 300, 400, 500, 600, 700, 800], 800),
}
QUANTA_PER_NAT = {"s/rounded": 10_000}


def make_series(steps: list[int], count: int, seed: int) -> dict[tuple[int, int], dict[int, float]]:
    """Return ``count`` series of all kinds at the given steps, as float32 log-probabilities."""
    random = np.random.default_rng(seed)
    n = len(steps)
    series = {}
    for token in range(count):
        level = random.uniform(0.01, 9)
        fall = level * np.exp(-np.arange(n) / random.uniform(1, 20))
        walk = np.cumsum(random.normal(0, random.choice([0.01, 0.1, 0.5]), n))
        values = [
            -fall - random.exponential(0.3) - np.abs(walk),  # learning
            -random.uniform(0.1, 2) - np.linspace(0, random.uniform(0, 3), n) - 0.05 * random.random(n),  # forgetting
            np.full(n, -level),  # constant
            np.full(n, -level) * (1 + 1e-7 * (random.random(n) < 0.3)),  # constant but for float32 noise
            -level * (1 + 10 ** random.uniform(-5, -2) * random.normal(size=n)),  # nearly constant
            -random.uniform(10, 19) - np.abs(walk),  # perplexities up to 1e8 and beyond
            -level - np.linspace(0, 1, n) * random.uniform(-0.5, 0.5) * level,  # a line
            -np.abs(walk) - 1e-4,  # a wave
        ][token % 8]
        kept = np.ones(n, dtype=bool)
        if token % 5 == 0:  # gaps: nearly every such series lacks other steps
            kept = random.random(n) < random.uniform(0.3, 0.95)
        if token % 11 == 0:  # one to three points
            kept = np.zeros(n, dtype=bool)
            kept[random.choice(n, size=random.integers(1, 4), replace=False)] = True
        scores = np.float32(values)
        series[token // 100, 1 + token % 100] = {
            step: float(score) for step, score, keep in zip(steps, scores, kept, strict=True) if keep
        }
    return {key: values for key, values in series.items() if values}


def make_rounded_series(steps: list[int], count: int) -> dict[tuple[int, int], dict[int, float]]:
    """Return series of one model, rounded to 1e-4 nats: wide ones, and ones that change by a few units of rounding."""
    random = np.random.default_rng(3)
    n = len(steps)
    series = {}
    for token in range(count):
        spike = np.zeros(n)
        spike[random.integers(n, size=2)] = random.uniform(250, 2000, 2)
        values = [
            -1 - spike,  # one or two perplexities up to exp(2000)
            -np.sort(random.uniform(0, 1000, n)),  # a rise by up to exp(1000)
            -np.sort(random.uniform(0, 1000, n))[::-1],  # a fall
            -2 + np.arange(n) * 1e-4,  # a line by rounding alone
            -2 - 1e-4 * random.integers(0, 4, n),  # noise of a few units
            -random.uniform(0, 600, n),  # up and down
        ][token % 6]
        scores = np.float32(np.round(np.float32(values), 4))
        series[0, 1 + token] = {step: float(score) for step, score in zip(steps, scores, strict=True)}
    return series


@pytest.fixture(scope="module")
def series_by_model(warehouse):
    """Synthetic series of three models on one corpus, from which dbt has derived the trends."""
    counts = {"s/small": 1100, "s/large": 700, "s/young": 300, "s/rounded": 96}
    warehouse.add_corpus("books", dict.fromkeys(range(11), 101))
    made = {}
    for seed, (model_id, (steps, planned_steps)) in enumerate(GRIDS.items()):
        warehouse.add_model(model_id, steps, planned_steps=planned_steps, batch_tokens=BATCH_TOKENS)
        quanta_per_nat = QUANTA_PER_NAT.get(model_id, 0)
        count = counts[model_id]
        made[model_id] = make_rounded_series(steps, count) if quanta_per_nat else make_series(steps, count, seed)
        warehouse.score(model_id, "books", made[model_id], quanta_per_nat=quanta_per_nat)
    warehouse.build("+int_token_trend_by_start", "+fct_trend_sensitivity")
    return made


@pytest.fixture(scope="module")
def expected(series_by_model):
    """Every trend by scipy; series with the same steps are fitted in one call."""
    windows = {}
    for model_id, series in series_by_model.items():
        for token, values in series.items():
            steps = np.array(sorted(values))
            log_probs = np.array([values[step] for step in steps])
            for convention in CONVENTIONS:
                for percent in STARTS:
                    start = find_start(convention, steps, percent, GRIDS[model_id][1])
                    if start is not None:
                        rounding_nats = 1 / QUANTA_PER_NAT.get(model_id, math.inf)
                        fit = (convention, tuple(steps[start:].tolist()), rounding_nats)
                        group = windows.setdefault(fit, {})
                        group[convention, model_id, percent, *token] = log_probs[start:]
    trends = {}
    for (convention, steps, rounding_nats), group in windows.items():
        fits = fit_windows(convention, steps, np.array(list(group.values())), rounding_nats)
        trends.update(zip(group, fits, strict=True))
    return trends


@pytest.fixture(scope="module")
def expected_q_values(expected):
    """Return the Benjamini-Hochberg q-value of every trend under the convention `ours`, by statsmodels.

    The trends of one model and start are corrected together.
    """
    families = {}
    for key, trend in expected.items():
        if key[0] == "ours" and trend.p_value is not None:
            families.setdefault(key[:3], []).append(key)
    q_values = {}
    for keys in families.values():
        adjusted = multipletests([expected[key].p_value for key in keys], method="fdr_bh")[1]
        q_values.update(zip(keys, adjusted, strict=True))
    return q_values


@pytest.fixture(scope="module")
def derived(warehouse, series_by_model):
    """Every trend that dbt derives."""
    columns = "start_step, fit_point_count, slope, standard_error, p_value, q_value, category"
    rows = warehouse.rows(
        f"select convention_id, model_id, start_percent, document_id, position, {columns} from int_token_trend_by_start"
    )
    return {row[:5]: row[5:] for row in rows}


def test_there_are_trends_for_every_token_and_start_that_training_has_reached(expected, derived):
    assert len(expected) > 75_000
    assert set(derived) == set(expected)


def test_every_fit_begins_where_the_convention_says(expected, derived):
    assert {key: row[:2] for key, row in derived.items()} == {
        key: (trend.start_step, trend.fit_point_count) for key, trend in expected.items()
    }


def test_slopes_and_standard_errors_equal_those_of_scipy(expected, derived):
    fitted = [key for key, trend in expected.items() if trend.slope is not None]
    for column, name in ((2, "slope"), (3, "standard_error")):
        got = np.array([derived[key][column] for key in fitted])
        want = np.array([getattr(expected[key], name) for key in fitted])
        # A slope of 0 is a sum that cancels: its error is relative to the standard error.
        error = np.array([expected[key].standard_error for key in fitted])
        assert np.all(np.abs(got - want) <= 1e-6 * np.abs(want) + 1e-9 * error + 1e-12)
    assert all(derived[key][2] is None for key in set(expected) - set(fitted))


def test_p_values_equal_those_of_scipy(expected, derived):
    fitted = [key for key, trend in expected.items() if trend.p_value is not None]
    got = np.array([derived[key][4] for key in fitted])
    np.testing.assert_allclose(got, [expected[key].p_value for key in fitted], rtol=2e-7, atol=1e-8)
    assert all(derived[key][4] is None for key in set(expected) - set(fitted))


def test_a_line_of_three_rounded_points_is_no_trend(expected, derived):
    """Slope 1e-4, rounding error 1e-4 / sqrt(12) / sqrt(2): t = sqrt(24) with one degree of freedom, p = .128."""
    lines = [key for key in derived if key[:3] == ("paper", "s/rounded", 70) and (key[4] - 1) % 6 == 3]
    assert len(lines) == 16
    for key in lines:
        assert derived[key][4] == pytest.approx(2 * stats.t.sf(math.sqrt(24), 1), rel=1e-3)
        assert derived[key][6] == "stagnated"


def test_q_values_equal_those_of_statsmodels(expected_q_values, derived):
    got = {key: row[5] for key, row in derived.items() if row[5] is not None}
    assert set(got) == set(expected_q_values)
    np.testing.assert_allclose(
        [got[key] for key in expected_q_values], list(expected_q_values.values()), rtol=2e-7, atol=1e-7
    )


def test_no_category_differs_from_the_definition(expected, expected_q_values, derived):
    wrong = {
        key: (row[6], category)
        for key, row in derived.items()
        if row[6]
        != (
            category := categorise(
                key[0], expected[key], expected_q_values.get(key) if key[0] == "ours" else expected[key].p_value
            )
        )
    }
    assert wrong == {}


def test_every_category_occurs_under_every_convention(derived):
    counts = Counter((key[0], row[6]) for key, row in derived.items())
    assert len(counts) == 20
    assert min(counts.values()) > 50


def test_constant_series_are_stagnated_with_a_slope_of_zero(series_by_model, derived):
    constant = [
        (model_id, token)
        for model_id, series in series_by_model.items()
        for token, values in series.items()
        if len(values) >= 3 and len(set(values.values())) == 1
    ]
    assert len(constant) > 100
    for model_id, token in constant:
        rows = [row for percent in STARTS if (row := derived.get(("paper", model_id, percent, *token)))]
        assert {row[6] for row in rows if row[1] >= 3} == {"stagnated"}
        assert {row[2:5] for row in rows} <= {(0.0, 0.0, 1.0), (None, None, None)}


def test_the_p_value_is_exact_for_hundreds_of_degrees_of_freedom(warehouse):
    macro = "{{ student_t_p_value('correlation', 'share', 'freedom') }}"
    compiled = warehouse.dbt("compile", "--inline", macro).results[0].node.compiled_code
    rows = warehouse.rows(
        f"""
        with arrayJoin(range(1, 600)) as freedom, arrayJoin(range(0, 101)) as percent,
            pow(percent / 100, 2) as correlation, 1 - correlation * correlation as share
        select freedom, correlation, {compiled} as p_value from system.one
        """
    )
    freedom, correlation, p_value = np.array(rows).T
    want = 2 * stats.t.sf(correlation * np.sqrt(freedom / (1 - correlation**2).clip(1e-300)), freedom)
    np.testing.assert_allclose(p_value, want, rtol=0, atol=1e-10)
