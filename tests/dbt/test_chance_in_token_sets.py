"""What chance does to token sets and double descents: sets chosen on half of the checkpoints, and permuted noise."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import isotonic_regression

STEPS = list(range(0, 1600, 100))
DOCUMENTS, LENGTH = 20, 40
PLANNED_STEPS = STEPS[-1]
THRESHOLDS = (0.1, 0.25, 0.5, 1.0, 2.0)
TIME = np.array(STEPS) / PLANNED_STEPS


def make_series(model_id: str) -> dict[tuple[int, int], dict[int, float]]:
    """Losses with independent noise around a curve: falling, level, or falling with a rise of 2 nats in between."""
    curve = {
        "n/falling": 6 - 1.2 * np.log(1 + 9 * TIME),
        "n/level": np.full(len(TIME), 4.0),
        "n/double": 6 - 3 * TIME + 2 * np.exp(-(((TIME - 0.5) / 0.1) ** 2)),
    }[model_id]
    random = np.random.default_rng(len(model_id))
    return {
        (document, position): dict(
            zip(STEPS, np.float32(-np.abs(curve + random.normal(0, 0.25, len(STEPS)))).tolist(), strict=True)
        )
        for document in range(DOCUMENTS)
        for position in range(1, LENGTH + 1)
    }


@pytest.fixture(scope="module")
def series():
    return {model_id: make_series(model_id) for model_id in ("n/falling", "n/level", "n/double")}


@pytest.fixture(scope="module")
def built(warehouse, series):
    """Three models whose noise is known. Two of them have the same size and different seeds."""
    warehouse.add_corpus("noise", dict.fromkeys(range(DOCUMENTS), LENGTH + 1))
    sizes = {"n/falling": (100, 1), "n/level": (100, 2), "n/double": (50, 1)}
    for model_id, (parameter_count, seed) in sizes.items():
        warehouse.add_model(model_id, STEPS, planned_steps=PLANNED_STEPS, parameter_count=parameter_count, seed=seed)
        warehouse.score(model_id, "noise", series[model_id])
    warehouse.build("+fct_token_set_exaggeration", "+fct_token_double_descent_share")
    return warehouse


def categorise(losses: np.ndarray, start_percent: int) -> str | None:
    """Category of a token by the paper's rules, fitted to the first, third, ... checkpoint; None below three."""
    odd = np.arange(0, len(STEPS), 2)
    window = [index for index in odd if STEPS[index] * 100 >= start_percent * PLANNED_STEPS]
    if len(window) < 3:
        return None
    fit = stats.linregress(window, np.exp(losses[window] - losses[window][0]))
    if fit.pvalue < 0.05:
        return "upward" if fit.slope > 0 else "downward"
    edges = np.exp(losses[window][[0, -1]] - losses[window].mean())
    return "stagnated" if np.all((edges >= 0.95) & (edges <= 1.05)) else "other"


@pytest.mark.parametrize("model_id", ["n/falling", "n/level"])
def test_sets_are_chosen_on_odd_checkpoints_and_followed_on_all(built, series, model_id):
    expected = {}
    for values in series[model_id].values():
        scores = np.array(list(values.values()))
        for percent in range(0, 100, 10):
            if category := categorise(-scores, percent):
                expected.setdefault((percent, category), []).append(scores)
    rows = built.rows(
        "select start_percent, category, step, is_held_out, token_count, perplexity from fct_token_set_by_selection"
        f" where selection = 'odd checkpoints' and model_id = '{model_id}'"
    )
    assert len(rows) == len(expected) * len(STEPS)
    for percent, category, step, is_held_out, token_count, perplexity in rows:
        scores = np.array(expected[percent, category])[:, STEPS.index(step)]
        assert is_held_out == (STEPS.index(step) % 2 == 1)
        assert token_count == len(scores)
        assert perplexity == pytest.approx(math.exp(-scores.mean()), rel=1e-6)


def test_sets_of_noise_rise_where_they_are_chosen_and_not_where_they_are_held_out(built):
    rows = {
        selection: rises
        for selection, *rises in built.rows(
            "select selection, chosen_rise_nats, held_out_rise_nats, exaggeration_nats from fct_token_set_exaggeration"
            " where set_model_id = 'n/level' and category = 'upward' and start_percent = 10"
        )
    }
    assert set(rows) == {"all checkpoints", "odd checkpoints", "another seed"}
    assert rows["all checkpoints"][0] > 0.3
    assert rows["all checkpoints"][1:] == [None, None]
    chosen, held_out, exaggeration = rows["odd checkpoints"]
    assert chosen > 0.4
    assert abs(held_out) < 0.2
    assert exaggeration == pytest.approx(chosen - held_out)


def test_a_set_chosen_on_another_seed_is_held_out_everywhere(built, series):
    found = built.rows(
        "select distinct set_model_id, model_id, is_held_out from fct_token_set_by_selection"
        " where selection = 'another seed' order by all"
    )
    assert found == [("n/falling", "n/level", True), ("n/level", "n/falling", True)]


def descend(losses: np.ndarray) -> tuple[float, bool]:
    """Largest rise above an earlier minimum, and whether the loss falls below that minimum later."""
    rises = losses - np.minimum.accumulate(losses)
    peak = int(np.argmax(rises))
    return rises[peak], bool(rises[peak] > 0 and losses[peak:].min() < losses[: peak + 1].min())


def permute_noise(losses: np.ndarray, random: np.random.Generator) -> np.ndarray:
    fitted = isotonic_regression(losses, increasing=False).x
    blocks = 1 + np.count_nonzero(np.abs(np.diff(fitted)) > 1e-9)
    inflation = math.sqrt(len(losses) / max(1, len(losses) - blocks))
    return fitted + inflation * random.permutation(losses - fitted)


@pytest.mark.parametrize("model_id", ["n/falling", "n/level", "n/double"])
def test_shares_beside_those_of_permuted_noise_are_those_of_python(built, series, model_id):
    rows = built.rows(
        "select minimum_rise_nats, double_descent_share, null_share, excess_share from fct_token_double_descent_share"
        f" where model_id = '{model_id}' order by minimum_rise_nats"
    )
    losses = [-np.array(list(values.values())) for values in series[model_id].values()]
    observed = [descend(curve) for curve in losses]
    random = np.random.default_rng(0)
    permuted = [descend(permute_noise(curve, random)) for curve in losses for _ in range(5)]
    assert [row[0] for row in rows] == list(THRESHOLDS)
    for threshold, share, null_share, excess in rows:
        assert share == pytest.approx(np.mean([rise >= threshold and falls for rise, falls in observed]))
        expected = np.mean([rise >= threshold and falls for rise, falls in permuted])
        assert null_share == pytest.approx(expected, abs=4 * math.sqrt(0.25 / len(losses)))
        assert excess == pytest.approx(share - null_share)


def test_noise_explains_the_double_descents_of_a_falling_loss_and_not_a_true_one(built):
    rows = built.rows("select model_id, minimum_rise_nats, excess_share from fct_token_double_descent_share")
    excess = {row[:2]: row[2] for row in rows}
    assert all(abs(excess["n/falling", threshold]) < 0.1 for threshold in THRESHOLDS)
    assert excess["n/double", 1.0] > 0.15


def test_the_interval_of_a_share_is_over_documents(built, series):
    rows = built.rows(
        "select double_descent_share, double_descent_share_lower, double_descent_share_upper"
        " from fct_token_double_descent_share where model_id = 'n/falling' and minimum_rise_nats = 0.5"
    )
    by_document = np.zeros(DOCUMENTS)
    for (document, _), values in series["n/falling"].items():
        rise, falls = descend(-np.array(list(values.values())))
        by_document[document] += (rise >= 0.5 and falls) / LENGTH
    reach = stats.t.ppf(0.975, DOCUMENTS - 1) * stats.sem(by_document)
    share = by_document.mean()
    assert rows == [pytest.approx((share, share - reach, share + reach), rel=1e-3)]
