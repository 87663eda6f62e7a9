"""Which axis predicts a behaviour, and how sure that is: on published OPT and made-up suites, against scipy."""

import numpy as np
import pytest
import yaml
from scipy import stats

from tests.support.paths import ROOT
from tests.support.published_opt import read_published_accuracies, read_seed
from tests.support.trajectory_table import fill_trajectories

MARTS = (
    "fct_correlation_part",
    "fct_correlation_interval",
    "fct_collapse_score",
    "fct_equal_perplexity_alignment",
    "fct_behaviour_alignment",
)
AXES = {
    "parameters": ("parameter_count", 1),
    "tokens seen": ("tokens_seen", 1),
    "training FLOPs (6N)": ("train_flops_6n", 1),
    "training FLOPs (PaLM)": ("train_flops_palm", 1),
    "validation perplexity": ("validation_perplexity", -1),
}
GROUPS = ("all", "linearity", "breakthroughness")
REPLICATES, SEED = 1000, 2023  # of dbt_project.yml
SIMULATED = 300


def draw_suite(seed: int, model_count: int, *, effect: float, noise: float, checkpoint_count: int = 12) -> list[dict]:
    """Return the checkpoints of models of random size. The measure follows the loss, with a deviation of each model.

    ``effect`` is the standard deviation between models at equal loss, ``noise`` that between checkpoints of a model.
    """
    random = np.random.default_rng(seed)
    points = []
    for model in range(model_count):
        size, level, luck = random.uniform(np.log(1e8), np.log(2e11)), effect * random.normal(), random.normal()
        for step in range(1, checkpoint_count + 1):
            tokens = 3e11 * step / checkpoint_count
            loss = 6 - 0.085 * size - 0.07 * np.log(tokens) + 0.02 * luck
            points.append(
                {
                    "model_id": f"s/{model:04d}",
                    "step": step,
                    "measure_value": (value := 0.35 - 0.12 * loss + level + noise * random.normal()),
                    "measure_lower": value - 0.01 * step if model else None,
                    "measure_upper": value + 0.02 * step if model else None,
                    "train_flops_6n": 6 * np.exp(size) * tokens,
                    "validation_perplexity": np.exp(loss),
                }
            )
    return points


def with_ties(points: list[dict]) -> list[dict]:
    """Round the measure, so that many values are equal."""
    return [{**point, "measure_value": round(point["measure_value"], 2)} for point in points]


def without_flops_of_a_model(points: list[dict]) -> list[dict]:
    """Return the checkpoints without the FLOPs of the first model."""
    return [{**point, "train_flops_6n": None} if point["model_id"] == "s/0000" else point for point in points]


SUITES = {("opt-published", group): read_published_accuracies(f"bigbench: mean of {group}") for group in GROUPS} | {
    ("s", "eight models"): draw_suite(1, 8, effect=0.02, noise=0.01),
    ("s", "with ties"): with_ties(draw_suite(2, 6, effect=0.02, noise=0.02)),
    ("s", "five models"): draw_suite(3, 5, effect=0.02, noise=0.01),
    ("s", "other checkpoints"): without_flops_of_a_model(draw_suite(4, 7, effect=0.02, noise=0.01)),
    ("s", "perfect"): draw_suite(5, 6, effect=0, noise=0),
}


@pytest.fixture(scope="module")
def built(warehouse):
    """The marts of alignment, for published accuracies and made-up suites."""
    rows = [
        {"suite_id": suite_id, "measure": "task accuracy", "subject": subject, **point}
        for (suite_id, subject), points in SUITES.items()
        for point in points
    ]
    fill_trajectories(warehouse, rows)
    warehouse.dbt("run", "--select", *MARTS)
    return warehouse


@pytest.fixture(scope="module")
def alignment(built) -> dict[tuple[str, str, str], dict]:
    """The rows of the mart by suite, subject and axis."""
    result = built.client.query("select * from fct_behaviour_alignment")
    rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
    return {(row["suite_id"], row["subject"], row["axis"]): row for row in rows}


def panels() -> list[tuple[str, str, str]]:
    """Return every suite, subject and axis that has values."""
    return [
        (*key, axis) for key, points in SUITES.items() for axis, (column, _) in AXES.items() if points[-1].get(column)
    ]


def place(key: tuple[str, str, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the models, the progress on the axis and the measure of all checkpoints with a value on the axis."""
    column, sign = AXES[key[2]]
    known = [point for point in SUITES[key[:2]] if point[column]]
    return (
        np.array([point["model_id"] for point in known]),
        np.array([sign * np.log(point[column]) for point in known]),
        np.array([point["measure_value"] for point in known]),
    )


def correlate(kind: str, x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's or Spearman's correlation, NaN where it is undefined."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float((stats.pearsonr if kind == "pearson" else stats.spearmanr)(x, y).statistic)


def nearly(value: float):
    """Return what a value of a mart must equal: null for NaN, and else the value."""
    return None if np.isnan(value) else pytest.approx(value, abs=1e-9)


def test_published_batches_are_powers_of_two_as_in_the_suite_file():
    exponents = {"125m": 19, "1.3b": 20, "6.7b": 21, "13b": 22, "30b": 22, "175b": 21}
    suite = yaml.safe_load((ROOT / "models" / "checkpoints" / "suites" / "opt.yaml").read_text())
    declared = {model["name"]: (model["batch_tokens"], model["planned_steps"]) for model in suite["models"]}
    for row in read_seed("published_model"):
        batch_tokens, planned_steps = int(row["batch_tokens"]), int(row["planned_steps"])
        assert batch_tokens == 2 ** exponents[row["model_name"]]
        assert row["model_name"] == "175b" or (batch_tokens, planned_steps) == declared[row["model_name"]]
        assert abs(batch_tokens * planned_steps - 300e9) <= batch_tokens / 2


@pytest.mark.parametrize(("group", "published"), [("all", 0.927), ("linearity", 0.962), ("breakthroughness", 0.827)])
def test_published_correlations_with_flops_are_those_with_6n(alignment, group, published):
    row = alignment["opt-published", group, "training FLOPs (6N)"]
    assert round(row["spearman_correlation"], 3) == published
    assert row["point_count"] == 147
    assert (
        row["spearman_correlation"]
        != alignment["opt-published", group, "training FLOPs (PaLM)"]["spearman_correlation"]
    )


@pytest.mark.parametrize("key", panels())
def test_correlations_and_their_parts_within_and_between_models_are_those_of_scipy(alignment, key):
    models, x, y = place(key)
    row = alignment[key]
    names = np.unique(models)
    assert (row["model_count"], row["point_count"]) == (len(names), len(x))
    means = np.array([(x[models == name].mean(), y[models == name].mean()) for name in names]).T
    for kind in ("pearson", "spearman"):
        assert row[f"{kind}_correlation"] == nearly(correlate(kind, x, y))
        own = [correlate(kind, x[models == name], y[models == name]) for name in names]
        defined = [value for value in own if not np.isnan(value)]
        assert row[f"within_model_{kind}"] == nearly(np.mean(defined) if defined else np.nan)
        assert row[f"between_model_{kind}"] == nearly(correlate(kind, *means))
    assert row["within_model_count"] == len(defined)


def draw_models(warehouse, model_count: int) -> np.ndarray:
    """Return how often each replicate draws each model, of shape (replicates, models)."""
    slots = warehouse.rows(
        f"select arrayMap(slot -> sipHash64(toUInt32(replicate), toUInt32(slot), {SEED}) % {model_count},"
        f" range({model_count}))"
        f" from (select arrayJoin(range({REPLICATES})) as replicate) order by replicate"
    )
    return np.array([np.bincount(row[0], minlength=model_count) for row in slots])


def repeated(models: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the indices of the checkpoints, each as often as its model is drawn."""
    return np.repeat(np.arange(len(models)), counts[np.unique(models, return_inverse=True)[1]])


def jackknife(values: np.ndarray, *, is_correlation: bool) -> list[float]:
    """Return the bounds from the value of all models, which is first, and those with one model left out."""
    scale, unscale = (np.arctanh, np.tanh) if is_correlation else (np.asarray, np.asarray)
    model_count = len(values) - 1
    whole, left_out = scale(values[0]), scale(values[1:])
    error = np.sqrt((model_count - 1) / model_count * np.sum((left_out - left_out.mean()) ** 2))
    return [float(unscale(whole + side * stats.t.ppf(0.975, model_count - 1) * error)) for side in (-1, 1)]


INTERVALS = [
    ("opt-published", "all", "training FLOPs (PaLM)"),
    ("s", "eight models", "training FLOPs (6N)"),
    ("s", "with ties", "training FLOPs (6N)"),
]


@pytest.mark.parametrize("key", INTERVALS)
@pytest.mark.parametrize("kind", ["spearman", "pearson"])
def test_intervals_are_those_of_leaving_out_and_drawing_whole_models(built, alignment, key, kind):
    models, flops, y = place(key)
    _, perplexity, _ = place((*key[:2], "validation perplexity"))
    model_count = len(np.unique(models))
    one_left_out = 1 - np.eye(model_count, dtype=int)
    choices = [np.ones(model_count, dtype=int), *one_left_out, *draw_models(built, model_count)]
    chosen = [repeated(models, counts) for counts in choices]
    with_flops, with_perplexity = (
        np.array([correlate(kind, x[indices], y[indices]) for indices in chosen]) for x in (flops, perplexity)
    )
    statistics = [(f"{kind}_", with_flops, True)]
    if kind == "spearman":
        statistics.append(("perplexity_advantage_", np.abs(with_perplexity) - np.abs(with_flops), False))
        assert alignment[key]["perplexity_advantage"] == nearly(statistics[1][1][0])
    for name, values, is_correlation in statistics:
        low, high = jackknife(values[: model_count + 1], is_correlation=is_correlation)
        assert alignment[key][f"{name}lower"] == pytest.approx(low, abs=2e-3)
        assert alignment[key][f"{name}upper"] == pytest.approx(high, abs=2e-3)
        low, high = np.nanquantile(values[model_count + 1 :], [0.025, 0.975])
        assert alignment[key][f"{name}resampled_lower"] == nearly(low)
        assert alignment[key][f"{name}resampled_upper"] == nearly(high)


def test_published_correlations_are_less_sure_than_their_147_checkpoints_suggest(alignment):
    row = alignment["opt-published", "all", "validation perplexity"]
    assert row["spearman_correlation"] == pytest.approx(0.956, abs=5e-4)
    assert row["spearman_fisher_lower"] == pytest.approx(np.tanh(np.arctanh(0.95564) - 1.96 / 12), abs=1e-4)
    assert row["spearman_fisher_upper"] == pytest.approx(np.tanh(np.arctanh(0.95564) + 1.96 / 12), abs=1e-4)
    assert row["spearman_resampled_lower"] == pytest.approx(0.67, abs=0.02)
    assert row["spearman_resampled_upper"] == pytest.approx(0.98, abs=0.005)
    assert 0.8 < row["spearman_lower"] < row["spearman_upper"] < 0.995
    row = alignment["opt-published", "all", "training FLOPs (PaLM)"]
    assert row["perplexity_advantage"] == pytest.approx(0.028, abs=5e-4)
    assert row["perplexity_advantage_resampled_lower"] == pytest.approx(-0.011, abs=0.003)
    assert row["perplexity_advantage_resampled_upper"] == pytest.approx(0.063, abs=0.004)
    assert row["perplexity_advantage_lower"] < 0 < row["perplexity_advantage_upper"]


def test_too_few_models_have_no_interval_and_a_sentence_why(alignment):
    row = alignment["s", "five models", "validation perplexity"]
    assert {row[name] for name in row if name.endswith(("_lower", "_upper")) and "fisher" not in name} == {None}
    assert row["interval_note"] == "No interval over models: 5 of the 6 models that one needs."
    assert row["spearman_fisher_lower"] < row["spearman_correlation"] < row["spearman_fisher_upper"]
    perfect = alignment["s", "perfect", "validation perplexity"]
    assert (perfect["spearman_lower"], perfect["spearman_upper"]) == (None, None)
    assert "perfect" in perfect["interval_note"]
    assert alignment["s", "eight models", "validation perplexity"]["interval_note"] == ""


def test_two_axes_are_not_compared_over_different_checkpoints(alignment):
    row = alignment["s", "other checkpoints", "training FLOPs (6N)"]
    assert (row["model_count"], alignment["s", "other checkpoints", "validation perplexity"]["model_count"]) == (6, 7)
    assert row["spearman_lower"] < row["spearman_correlation"] < row["spearman_upper"]
    assert row["perplexity_advantage"] is row["perplexity_advantage_lower"] is None
    assert alignment["s", "eight models", "training FLOPs (6N)"]["perplexity_advantage"] is not None


def test_intervals_are_read_at_equal_perplexity_like_the_measure(built):
    rows = built.rows(
        "select model_id, perplexity_level, measure_value, measure_lower, measure_upper"
        " from fct_equal_perplexity_alignment where suite_id = 's' and subject = 'eight models'"
    )
    points = SUITES["s", "eight models"]
    assert {row[0] for row in rows} == {point["model_id"] for point in points}
    for model_id, level, *read in rows:
        of_model = [point for point in points if point["model_id"] == model_id]
        losses = -np.log([point["validation_perplexity"] for point in of_model])  # rises, as np.interp needs
        for name, value in zip(("measure_value", "measure_lower", "measure_upper"), read, strict=True):
            if model_id == "s/0000" and name != "measure_value":  # its checkpoints have no intervals
                assert value is None
            else:
                expected = np.interp(-np.log(level), losses, [point[name] for point in of_model])
                assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("model_count", [6, 10])
@pytest.mark.parametrize(("effect", "noise"), [(0.015, 0.005), (0.004, 0.006)])
def test_intervals_cover_the_correlation_of_all_models_in_95_percent_of_simulated_suites(
    built, model_count, effect, noise
):
    population = draw_suite(0, 2000, effect=effect, noise=noise)
    losses, flops, values = (
        np.array([point[name] for point in population])
        for name in ("validation_perplexity", "train_flops_6n", "measure_value")
    )
    true = -stats.spearmanr(losses, values).statistic
    true_advantage = true - stats.spearmanr(flops, values).statistic
    rows = [
        {"suite_id": "s", "subject": str(seed), **point}
        for seed in range(SIMULATED)
        for point in draw_suite(10_000 + seed, model_count, effect=effect, noise=noise)
    ]
    fill_trajectories(built, rows)
    built.dbt("run", "--select", "fct_correlation_interval", "--vars", "{bootstrap_replicates: 100}")
    covered, is_high = built.rows(
        f"select avg(spearman_lower <= {true} and spearman_upper >= {true}),"
        f" avg(spearman_resampled_lower <= {true} and spearman_resampled_upper >= {true})"
        " from fct_correlation_interval where axis = 'validation perplexity'"
    )[0]
    assert 0.92 <= covered <= 0.98
    if true > 0.9:
        assert is_high < 0.8  # the range over drawn models is not a confidence interval
    (advantage_covered,) = built.rows(
        f"select avg(perplexity_advantage_lower <= {true_advantage} and perplexity_advantage_upper >= {true_advantage})"
        " from fct_correlation_interval where axis = 'training FLOPs (6N)'"
    )[0]
    assert advantage_covered >= 0.93
