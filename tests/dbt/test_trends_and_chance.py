"""Shares of trends beside chance: documents drawn again, checkpoints permuted, and tests that count autocorrelation."""

from collections import Counter

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import acf

STEPS = np.arange(100, 2100, 100)  # planned: 2000
STARTS = range(0, 100, 10)
DOCUMENT_COUNT, DOCUMENT_LENGTH = 15, 100
NOISE_DOCUMENTS = range(12)  # these hold noise of an AR(1) process, the others series of all kinds
AUTOCORRELATION = 0.4
CATEGORIES = ("downward", "other", "stagnated", "upward")
VARIANTS = ("paper_log_step", "paper_log_prob", "paper_false_discovery", "paper_autocorrelation", "paper_equivalence")
MARGIN = np.log(1.05)
PERMUTATIONS = 40


def make_series() -> np.ndarray:
    """Return float32 log-probabilities (document, token, checkpoint)."""
    random = np.random.default_rng(11)
    shape = (DOCUMENT_COUNT, DOCUMENT_LENGTH, len(STEPS))
    noise = random.normal(size=shape)
    for index in range(1, len(STEPS)):
        innovation = noise[..., index] * np.sqrt(1 - AUTOCORRELATION**2)
        noise[..., index] = AUTOCORRELATION * noise[..., index - 1] + innovation
    values = -3 + 0.03 * noise
    time = np.arange(len(STEPS)) / len(STEPS)
    for document in range(len(NOISE_DOCUMENTS), DOCUMENT_COUNT):
        for token in range(DOCUMENT_LENGTH):
            size = 10 ** random.uniform(-3, 0)
            shape_of_token = (np.exp(-5 * time), time, -time, np.zeros_like(time), np.sin(9 * time))[token % 5]
            values[document, token] = -2 - size * shape_of_token - size / 5 * np.abs(noise[document, token])
    return np.float32(values)


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    return make_series()


@pytest.fixture(scope="module")
def built(warehouse, series):
    """Return the warehouse with one model, from which dbt has derived the shares."""
    warehouse.add_corpus("books", dict.fromkeys(range(DOCUMENT_COUNT), DOCUMENT_LENGTH + 1))
    warehouse.add_model("s/model", STEPS.tolist(), planned_steps=int(STEPS[-1]))
    scores = {
        (document, 1 + token): dict(zip(STEPS.tolist(), map(float, series[document, token]), strict=True))
        for document in range(DOCUMENT_COUNT)
        for token in range(DOCUMENT_LENGTH)
    }
    warehouse.score("s/model", "books", scores)
    variables = f"{{trend_rank_tokens: {DOCUMENT_COUNT * DOCUMENT_LENGTH}, trend_permutations: {PERMUTATIONS}}}"
    warehouse.build("+fct_trend_sensitivity", "+fct_trend_share_by_rank_test", variables=variables)
    return warehouse


@pytest.fixture(scope="module")
def shares(built):
    """By convention, start and category: the columns of the mart that say how certain a share is."""
    rows = built.rows(
        "select convention_id, start_percent, category, token_count, token_share, share_lower, share_upper, null_share,"
        " null_share_lower, null_share_upper from fct_trend_share_by_start"
    )
    return {row[:3]: row[3:] for row in rows}


def find_window(percent: int) -> slice:
    return slice(int(np.flatnonzero(percent * STEPS[-1] <= STEPS * 100)[0]), None)


def fit(regressors: np.ndarray, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit lines to rows of responses. Returns slopes, standard errors, p-values and residuals."""
    result = stats.linregress(np.broadcast_to(regressors, responses.shape), responses, axis=-1)
    fitted = result.intercept[:, None] + result.slope[:, None] * regressors
    return result.slope, result.stderr, result.pvalue, responses - fitted


def name_trends(significant: np.ndarray, rises: np.ndarray, flat: np.ndarray) -> np.ndarray:
    return np.where(significant, np.where(rises, "upward", "downward"), np.where(flat, "stagnated", "other"))


def find_band(losses: np.ndarray) -> np.ndarray:
    ends = np.exp(losses[:, [0, -1]] - losses.mean(axis=1, keepdims=True))
    return np.all((ends >= 0.95) & (ends <= 1.05), axis=1)


def categorise_variant(convention: str, percent: int, series: np.ndarray) -> np.ndarray:
    """Return the categories of all tokens under a convention that is counted only."""
    losses = -series.reshape(-1, len(STEPS)).astype(float)[:, find_window(percent)]
    steps = STEPS[find_window(percent)]
    n = len(steps)
    is_logarithmic = convention in ("paper_log_prob", "paper_equivalence")
    regressors = np.log(steps) if convention == "paper_log_step" else np.arange(n, dtype=float)
    responses = losses if is_logarithmic else np.exp(losses - losses[:, :1])
    slope, error, p_value, residuals = fit(regressors, responses)
    significant, flat = p_value < 0.05, find_band(losses)
    if convention == "paper_false_discovery":
        significant = multipletests(p_value, method="fdr_bh")[1] < 0.05
    if convention == "paper_autocorrelation":
        significant = np.array([test_with_effective_count(*row) for row in zip(slope, residuals, strict=True)])
    if convention == "paper_equivalence":
        half_width = stats.t.ppf(0.95, n - 2) * error
        flat = (np.abs(slope) + half_width) * (n - 1) < MARGIN
    return name_trends(significant, slope > 0, flat)


def test_with_effective_count(slope: float, residuals: np.ndarray) -> bool:
    """Return whether a slope is significant for the number of independent points (Santer et al. 2000)."""
    n = len(residuals)
    if n < 5:
        return False
    lag_1 = acf(residuals, nlags=1, adjusted=False, fft=False)[1]
    rho = min(1.0, max(0.0, (n * lag_1 + 2) / (n - 4)))
    effective = n * (1 - rho) / (1 + rho)
    if effective <= 2:
        return False
    index = np.arange(n)
    error = np.sqrt((residuals**2).sum() / (effective - 2) / ((index - index.mean()) ** 2).sum())
    return 2 * stats.t.sf(abs(slope) / error, effective - 2) < 0.05


test_with_effective_count.__test__ = False


@pytest.mark.parametrize("convention", VARIANTS)
def test_a_convention_that_is_only_counted_counts_the_categories_of_scipy_and_statsmodels(convention, shares, series):
    for percent in STARTS:
        expected = Counter(categorise_variant(convention, percent, series).tolist())
        found = {category: shares[convention, percent, category][0] for category in CATEGORIES}
        assert found == {category: expected[category] for category in CATEGORIES}, percent


def test_every_category_occurs_under_every_counted_convention(shares):
    for convention in VARIANTS:
        for category in CATEGORIES:
            assert sum(shares[convention, percent, category][0] for percent in STARTS) > 20


def test_the_effective_count_halves_the_false_trends_of_autocorrelated_noise(series):
    """Of noise with a lag-1 autocorrelation of 0.4, least squares calls more than 14 % a trend, not 5 %."""
    noise = series[: len(NOISE_DOCUMENTS)]
    plain = categorise_variant("paper_log_prob", 0, noise)
    corrected = categorise_variant("paper_autocorrelation", 0, noise)
    false_plain, false_corrected = (np.isin(found, ["upward", "downward"]).mean() for found in (plain, corrected))
    assert false_plain > 0.14
    assert false_corrected < 0.08


def test_the_interval_of_a_share_is_that_of_documents_drawn_again(built, shares, series):
    weights = np.array(built.rows("select weights from int_document_weight order by document_id")).reshape(
        DOCUMENT_COUNT, -1
    )
    for convention, percent in (("paper_log_step", 10), ("paper_equivalence", 50)):
        names = categorise_variant(convention, percent, series).reshape(DOCUMENT_COUNT, DOCUMENT_LENGTH)
        for category in CATEGORIES:
            counts = (names == category).sum(axis=1)
            _, share, low, high, *_ = shares[convention, percent, category]
            if not counts.sum():
                assert (share, low, high) == (0, None, None)
                continue
            replicates = counts @ weights / (DOCUMENT_LENGTH * weights.sum(axis=0))
            error = replicates.std() * np.sqrt(15 / 14) / (share * (1 - share))
            half_width = stats.t.ppf(0.975, 14) * error
            expected = special.expit(special.logit(share) + np.array([-half_width, half_width]))
            assert (low, high) == pytest.approx(expected, rel=1e-3)


def test_the_null_share_is_that_of_permuted_checkpoints(built, shares, series):
    """The permutations are read from the warehouse; every token of the sample is fitted by scipy."""
    seed = 2023
    for percent in (10, 50, 80):
        steps = STEPS[find_window(percent)]
        n = len(steps)
        steps_newest_first = f"cast({steps[::-1].tolist()} as Array(Int64))"
        orders = built.rows(
            f"with {steps_newest_first} as steps select arraySort(ordinal -> sipHash64(steps[ordinal], replicate,"
            f" {percent}, {seed}), range(1, {n + 1})) from (select arrayJoin(range({PERMUTATIONS})) as replicate)"
        )
        losses = -series.reshape(-1, len(STEPS)).astype(float)[:, find_window(percent)][:, ::-1]
        found = []
        for (order,) in orders:
            time = np.array(order)  # the regressor that each checkpoint gets, 1 for the last
            permuted = np.empty_like(losses)
            permuted[:, n - time] = losses
            slope, _, p_value, _ = fit(np.arange(n, dtype=float), np.exp(permuted))
            names = name_trends(p_value < 0.05, slope > 0, find_band(permuted))
            found.append([(names == category).mean() for category in CATEGORIES])
        for index, category in enumerate(CATEGORIES):
            replicates = np.array(found)[:, index]
            null_share, low, high = shares["paper", percent, category][4:]
            assert null_share == pytest.approx(replicates.mean(), abs=1e-4)
            assert low == pytest.approx(np.quantile(replicates, 0.025), abs=1e-3)
            assert high == pytest.approx(np.quantile(replicates, 0.975), abs=1e-3)


def correct_variance(losses: np.ndarray) -> float:
    """Return the factor of Hamed and Rao (1998) for the variance of Kendall's S, over lags with 95 % significance."""
    n = len(losses)
    detrended = losses - stats.theilslopes(losses, np.arange(n)).slope * np.arange(1, n + 1)
    rho = acf(stats.rankdata(detrended), nlags=n - 1, adjusted=False, fft=False)[1:]
    lags = np.arange(1, n)
    weights = (n - lags) * (n - lags - 1) * (n - lags - 2)
    significant = np.abs(rho) > stats.norm.ppf(0.975) / np.sqrt(n)
    return float(1 + 2 / (n * (n - 1) * (n - 2)) * (weights * rho)[significant].sum())


def test_rank_tests_have_the_variance_of_hamed_and_rao(built, series):
    rows = built.rows("select start_percent, test, category, token_count from fct_trend_share_by_rank_test")
    found = {row[:3]: row[3] for row in rows}
    for percent in (10, 50, 70):
        losses = -series.reshape(-1, len(STEPS)).astype(float)[:, find_window(percent)]
        n = losses.shape[1]
        pairs = np.sign(losses[:, None, :] - losses[:, :, None])
        score = np.triu(pairs, 1).sum(axis=(1, 2))
        assert all(len(set(row)) == n for row in losses[: 100 * len(NOISE_DOCUMENTS)])  # the noise has no ties
        ties = np.array([sum(t * (t - 1) * (2 * t + 5) for t in Counter(row).values()) for row in losses.tolist()])
        variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
        ratios = {"Mann-Kendall": np.ones(len(losses)), "Hamed and Rao": np.array(list(map(correct_variance, losses)))}
        for test, ratio in ratios.items():
            corrected = np.maximum(variance * ratio, 1e-300)
            p_value = 2 * stats.norm.sf((np.abs(score) - 1) / np.sqrt(corrected))
            significant = (ratio > 0) & (score != 0) & (p_value < 0.05)
            names = Counter(name_trends(significant, score > 0, find_band(losses)).tolist())
            assert {category: found[percent, test, category] for category in CATEGORIES} == {
                category: names[category] for category in CATEGORIES
            }


def test_only_the_default_convention_is_permuted(shares):
    permuted = {key[0] for key, row in shares.items() if row[4] is not None}
    assert permuted == {"paper"}
