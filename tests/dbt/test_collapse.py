"""The collapse of the models' curves on an axis, against statsmodels with patsy's splines and plain loops."""

import itertools

import numpy as np
import patsy
import pytest
import statsmodels.api as sm

from tests.support.published_opt import read_published_accuracies
from tests.support.trajectory_table import fill_trajectories

NULLS = 300
AXES = {
    "tokens seen": "tokens_seen",
    "training FLOPs (6N)": "train_flops_6n",
    "training FLOPs (PaLM)": "train_flops_palm",
    "validation perplexity": "validation_perplexity",
}


def draw_curves(
    seed: int, model_count: int, *, noise: float = 0.1, shift: float = 0.0, persistence: float = 0.0
) -> list:
    """Return points (model, x, y) of one curve per model. The ranges of the models' x overlap in part."""
    random = np.random.default_rng(seed)
    points = []
    for model in range(model_count):
        count = random.integers(10, 20)
        x = np.sort(random.uniform(0.15 * model, 2 + 0.15 * model, count))
        deviation, level = 0.0, shift * random.normal()
        for place in x:
            deviation = persistence * deviation + noise * np.sqrt(1 - persistence**2) * random.normal()
            points.append((f"s/{model}", place, np.sin(2 * place) + level + deviation))
    return points


def line(model_id: str, start: float, *, slope: float = 1.0, level: float = 0.0, count: int = 12) -> list:
    """Return the points of a model on a straight line."""
    return [(model_id, x, slope * x + level) for x in np.linspace(start, start + 2, count)]


RANDOM = {f"random {seed}": draw_curves(seed, 2 + seed % 5, shift=0.1 * (seed % 3)) for seed in range(24)}
SMALL = {f"small {seed}": draw_curves(1000 + seed, 2 + seed % 2, shift=0.05 * (seed % 4)) for seed in range(12)}
NULL = {f"null {seed}": draw_curves(2000 + seed, 4) for seed in range(NULLS)}
PERSISTENT = {f"persistent {seed}": draw_curves(3000 + seed, 4, persistence=0.6) for seed in range(NULLS // 2)}
EDGES = {
    "on the axis": [point for model in "abc" for point in line(f"s/{model}", ord(model) / 10)],
    "parallel": line("s/a", 0) + line("s/b", 0, level=1),
    "one model": line("s/a", 0),
    "apart": line("s/a", 0) + line("s/b", 5),
    "constant": line("s/a", 0, slope=0) + line("s/b", 0, slope=0),
    "same place": [(f"s/{model}", 1.0, float(value)) for model in "ab" for value in range(4)],
    "three points": line("s/a", 0, count=3) + line("s/b", 0, count=3, level=1),
}
CURVES = RANDOM | SMALL | NULL | PERSISTENT | EDGES
PUBLISHED = read_published_accuracies("bigbench: mean of all")


@pytest.fixture(scope="module")
def built(warehouse):
    """Collapse scores of made-up curves against perplexity, and of the published accuracies against every axis."""
    rows = [
        {
            "suite_id": "s",
            "subject": subject,
            "model_id": model_id,
            "step": step,
            "measure_value": y,
            "validation_perplexity": float(np.exp(x)),
        }
        for subject, points in CURVES.items()
        for step, (model_id, x, y) in enumerate(points, 1)
    ]
    rows += [{"suite_id": "opt-published", "subject": "published", **point} for point in PUBLISHED]
    fill_trajectories(warehouse, rows)
    warehouse.dbt("run", "--select", "fct_collapse_score")
    return warehouse


@pytest.fixture(scope="module")
def scores(built) -> dict[tuple[str, str], tuple]:
    """By subject and axis: score, p-value, left-out error, unexplained share, numbers of models and points."""
    rows = built.rows(
        "select subject, axis, collapse_score, collapse_p_value, left_out_error, unexplained_share,"
        " compared_model_count, compared_point_count from fct_collapse_score"
    )
    return {row[:2]: row[2:] for row in rows}


def in_common_range(models: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Say of each point whether it lies in the range of another model."""
    ranges = {model: (x[models == model].min(), x[models == model].max()) for model in set(models)}
    return np.array(
        [
            any(low <= place <= high for other, (low, high) in ranges.items() if other != model)
            for model, place in zip(models, x, strict=True)
        ]
    )


def spline_design(x: np.ndarray, places: np.ndarray, knot_count: int) -> np.ndarray:
    """Return the design matrix, at ``places``, of patsy's natural cubic spline with knots at quantiles of x."""
    knots = np.quantile(x, np.linspace(0, 1, knot_count))
    formula = "cr(places, knots=inner, lower_bound=low, upper_bound=high) - 1"
    data = {"places": places, "inner": knots[1:-1], "low": knots[0], "high": knots[-1]}
    return np.asarray(patsy.dmatrix(formula, data))


def expect(points: list, knot_count: int = 5) -> tuple[float, float, float, int, int]:
    """Return score, left-out error, unexplained share and the numbers of models and points compared."""
    models, x, y = (np.array(column) for column in zip(*points, strict=True))
    kept = in_common_range(models, x)
    models, x, y = models[kept], x[kept], y[kept]
    spline = spline_design(x, x, knot_count)
    names = np.unique(models)
    constants = (models[:, None] == names).astype(float)
    residual = sm.OLS(y, spline).fit().ssr
    score = 1 - sm.OLS(y, np.hstack([spline, constants[:, 1:]])).fit().ssr / residual
    errors = []
    for name in names:
        others = models != name
        fit = sm.OLS(y[others], spline[others]).fit()
        errors.extend(y[~others] - fit.predict(spline[~others]))
    share = residual / np.sum((y - y.mean()) ** 2)
    return score, float(np.sqrt(np.mean(np.square(errors)))), share, len(names), len(y)


@pytest.mark.parametrize("subject", RANDOM)
def test_scores_of_random_curves_are_those_of_statsmodels(scores, subject):
    score, p_value, error, share, model_count, point_count = scores[subject, "validation perplexity"]
    expected = expect(RANDOM[subject])
    assert score == pytest.approx(expected[0], abs=1e-7)
    assert error == pytest.approx(expected[1], rel=1e-5)
    assert share == pytest.approx(expected[2], abs=1e-8)
    assert (model_count, point_count) == expected[3:]
    assert 0 < p_value <= 1


def test_curves_that_coincide_with_the_axis_score_zero(scores):
    score, p_value, error, share, model_count, _ = scores["on the axis", "validation perplexity"]
    assert (score, p_value, model_count) == (0, 1, 3)
    assert error == pytest.approx(0, abs=1e-6)
    assert share == pytest.approx(0, abs=1e-9)


def test_parallel_curves_differ_by_a_constant_alone(scores):
    score, p_value, error, share, *counts = scores["parallel", "validation perplexity"]
    assert score == pytest.approx(1)
    assert error == pytest.approx(1)
    x = np.array([point[1] for point in EDGES["parallel"]])
    assert share == pytest.approx(0.25 * len(x) / (np.sum((x - x.mean()) ** 2) + 0.25 * len(x)))
    assert counts == [2, 24]
    # of the 16 permutations of two models in four stretches, two leave the stretches in step
    assert p_value == pytest.approx(2 / 16, abs=3 * np.sqrt(2 / 16 * 14 / 16 / 199))


@pytest.mark.parametrize("subject", ["one model", "apart", "constant", "three points"])
def test_there_is_no_score_where_nothing_can_be_compared(scores, subject):
    assert scores[subject, "validation perplexity"] == (None, None, None, None, 0, 0)


def test_models_at_one_place_are_compared_by_their_means(scores):
    score, _, error, share, *counts = scores["same place", "validation perplexity"]
    assert (score, share, counts) == (pytest.approx(0), pytest.approx(1), [2, 8])
    assert error == pytest.approx(np.std(range(4)))


def stretches_of(x: np.ndarray) -> np.ndarray:
    """Return the index of the stretch between quartiles for each x. The last stretch holds the largest x."""
    return np.clip(np.searchsorted(np.quantile(x, np.linspace(0, 1, 5)), x, side="right") - 1, 0, 3)


def every_relabelling(models: np.ndarray, stretches: np.ndarray) -> list[np.ndarray]:
    """Return the labels of the points for every permutation of the models within every stretch."""
    choices = []
    for stretch in np.unique(stretches):
        present = list(np.unique(models[stretches == stretch]))
        choices.append([(stretch, dict(zip(present, order, strict=True))) for order in itertools.permutations(present)])
    relabelled = []
    for choice in itertools.product(*choices):
        mapping = dict(choice)
        relabelled.append(np.array([mapping[s][m] for s, m in zip(stretches, models, strict=True)]))
    return relabelled


@pytest.mark.parametrize("subject", SMALL)
def test_p_values_are_those_of_all_permutations_of_models_within_stretches(scores, subject):
    models, x, y = (np.array(column) for column in zip(*SMALL[subject], strict=True))
    kept = in_common_range(models, x)
    models, x, y = models[kept], x[kept], y[kept]
    basis, _ = np.linalg.qr(spline_design(x, x, 5))
    rest = y - basis @ (basis.T @ y)

    def explained(labels: np.ndarray) -> float:
        constants = (labels[:, None] == np.unique(labels)[1:]).astype(float)
        constants -= basis @ (basis.T @ constants)
        return float(rest @ constants @ np.linalg.pinv(constants.T @ constants) @ constants.T @ rest)

    observed = explained(models)
    permuted = [explained(labels) for labels in every_relabelling(models, stretches_of(x))]
    exact = np.mean(np.array(permuted) >= observed - 1e-9)
    p_value = scores[subject, "validation perplexity"][1]
    assert p_value == pytest.approx(exact, abs=3.5 * np.sqrt(exact * (1 - exact) / 199) + 0.01)


def test_p_values_below_5_percent_are_as_rare_as_they_say_where_models_do_not_differ(scores):
    p_values = np.array([scores[subject, "validation perplexity"][1] for subject in NULL])
    assert 0.02 <= np.mean(p_values <= 0.05) <= 0.08
    assert 0.4 <= np.mean(p_values) <= 0.6


def test_p_values_are_too_small_where_neighbouring_checkpoints_deviate_together(scores):
    """With a correlation of 0.6 between neighbours, 5% become 6% to 25%. Permuted checkpoints give over 40%."""
    p_values = np.array([scores[subject, "validation perplexity"][1] for subject in PERSISTENT])
    assert 0.06 <= np.mean(p_values <= 0.05) <= 0.25


@pytest.mark.parametrize("axis", AXES)
def test_the_published_accuracies_are_scored_as_by_statsmodels(scores, axis):
    points = [(point["model_id"], np.log(point[AXES[axis]]), point["measure_value"]) for point in PUBLISHED]
    score, _, error, share, *counts = scores["published", axis]
    expected = expect(points)
    assert score == pytest.approx(expected[0], abs=1e-7)
    assert error == pytest.approx(expected[1], rel=1e-5)
    assert share == pytest.approx(expected[2], abs=1e-8)
    assert tuple(counts) == expected[3:]


@pytest.mark.parametrize("knot_count", [3, 4, 6, 7, 8])
def test_the_published_curves_collapse_on_perplexity_and_not_on_flops_for_any_number_of_knots(knot_count):
    """The marts use five knots; the test above shows that they agree with the same computation."""
    scores, errors = {}, {}
    for axis, column in AXES.items():
        points = [(point["model_id"], np.log(point[column]), point["measure_value"]) for point in PUBLISHED]
        scores[axis], errors[axis], *_ = expect(points, knot_count)
    assert (
        scores["validation perplexity"]
        < 0.16
        < 0.6
        < min(scores["training FLOPs (6N)"], scores["training FLOPs (PaLM)"])
    )
    assert min(errors, key=errors.__getitem__) == "validation perplexity"


def test_the_number_of_knots_is_a_variable(built, scores):
    built.dbt("run", "--select", "fct_collapse_score", "--vars", "{collapse_knot_count: 4, collapse_permutations: 9}")
    rows = dict(built.rows("select axis, collapse_score from fct_collapse_score where subject = 'published'"))
    for axis, column in AXES.items():
        points = [(point["model_id"], np.log(point[column]), point["measure_value"]) for point in PUBLISHED]
        assert rows[axis] == pytest.approx(expect(points, 4)[0], abs=1e-7)
        assert rows[axis] != pytest.approx(scores["published", axis][0], abs=1e-7)
