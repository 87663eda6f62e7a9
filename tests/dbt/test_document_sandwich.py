"""Coverage of the intervals of odds ratios and shares, on simulated documents whose tokens resemble each other."""

import numpy as np
import pytest
from scipy.special import expit

CORPORA = 1000
SCENARIOS = {"few documents": (30, -1.0), "many documents": (80, -1.0), "rare category": (80, -4.0)}
TOKENS = 60  # of a document on average, half of them word-initial
INITIAL_EFFECT = 0.5


def draw_documents(generator, shape: tuple[int, ...], intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw the tokens of documents and those of them in a category, each of ``shape`` and by word part.

    A document has a level of its own, and an effect of the word part of its own.
    """
    tokens = generator.poisson(TOKENS / 2 * generator.gamma(2, 0.5, (*shape, 1)), (*shape, 2)) + 1
    level = intercept + generator.normal(0, 0.7, (*shape, 1))
    effect = INITIAL_EFFECT + generator.normal(0, 0.4, (*shape, 1))
    probability = expit(level + effect * np.array([1, 0]))
    return tokens, generator.binomial(tokens, probability)


@pytest.fixture(scope="module")
def bounds(warehouse) -> dict[str, np.ndarray]:
    """Intervals of the odds ratio and the share of word-initial tokens, by scenario; a row for each corpus."""
    warehouse.build("+fct_trend_share_by_token_property")
    warehouse.client.command("insert into int_token_property_pair values ('s/m', 'c', 't', 1)")
    for number, (name, (documents, intercept)) in enumerate(SCENARIOS.items()):
        generator = np.random.default_rng(number)
        tokens, chosen = draw_documents(generator, (CORPORA, documents), intercept)
        for category, counts in (("upward", chosen), ("other", tokens - chosen)):
            insert_counts(warehouse, name, category, counts)
    warehouse.dbt("run", "--select", "int_trend_odds_by_token_property", "fct_trend_share_by_token_property")
    return {
        name: np.array(
            warehouse.rows(
                "select odds_ratio_lower, odds_ratio_upper, token_share_lower, token_share_upper"
                " from fct_trend_share_by_token_property where property_value = 'word-initial' and category = 'upward'"
                f" and convention_id like '{name}%'"
            ),
            dtype=float,
        )
        for name in SCENARIOS
    }


def insert_counts(warehouse, name: str, category: str, counts: np.ndarray) -> None:
    """Insert counts of shape (corpora, documents, word parts); each corpus is a convention of its own."""
    warehouse.client.insert(
        "int_trend_count_by_document_block",
        [
            [f"{name} {corpus}", "s/m", "c", 0, document, category, int(pair.sum()), 9, [0] * 17 + pair.tolist(), 1]
            for corpus, documents in enumerate(counts)
            for document, pair in enumerate(documents)
            if pair.sum() > 0
        ],
        column_names=[
            "convention_id",
            "model_id",
            "corpus_id",
            "start_percent",
            "document_block",
            "category",
            "token_count",
            "fit_point_count",
            "token_counts",
            "property_fingerprint",
        ],
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_intervals_hold_the_values_of_all_documents_in_95_percent_of_simulated_corpora(bounds, scenario):
    tokens, chosen = draw_documents(np.random.default_rng(99), (400_000,), SCENARIOS[scenario][1])
    initial, other = chosen.sum(axis=0) / tokens.sum(axis=0)
    ratio = initial / (1 - initial) / (other / (1 - other))
    found = bounds[scenario]
    assert found.shape == (CORPORA, 4)
    assert np.isfinite(found).all()
    for value, (low, high) in ((ratio, found[:, :2].T), (initial, found[:, 2:].T)):
        assert 0.93 <= np.mean((low <= value) & (value <= high)) <= 0.97


def test_intervals_over_tokens_would_be_too_narrow():
    """Woolf's interval on the same documents: the design effect that the tested intervals respect is real."""
    tokens, chosen = draw_documents(np.random.default_rng(1), (CORPORA, 80), -1.0)
    a, c = chosen.sum(axis=1).T.astype(float)
    b, d = (tokens - chosen).sum(axis=1).T
    half_width = 1.96 * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    log_ratio = np.log(a * d / (b * c))
    assert np.mean(np.abs(log_ratio - np.mean(log_ratio)) <= half_width) < 0.93
