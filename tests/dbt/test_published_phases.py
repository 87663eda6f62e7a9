"""Published phases of Pythia and PolyPythias, as the marts show them beside our own."""

from __future__ import annotations

import csv
import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest

from tests.support.paths import ROOT

SEEDS = ROOT / "dbt" / "seeds"
TOLERANCE = 0.002
ORDERS = range(1, 6)


@pytest.fixture(scope="module")
def built(warehouse):
    """The marts of phases, derived from the published results alone."""
    warehouse.build("+models/marts/phases")
    return warehouse


def name_model(size: str, seed: str) -> str:
    """Return the name of a published run."""
    return f"phases-published/pythia-{size}" + ("" if seed == "1234" else f"-seed{seed}")


@pytest.fixture(scope="module")
def series() -> dict[tuple[str, str, int], dict[int, float]]:
    """By model, corpus and order: Pearson's correlation with the n-grams by step, as published."""
    found: dict[tuple[str, str, int], dict[int, float]] = defaultdict(dict)
    for row in csv.DictReader((SEEDS / "published_phase_correlation.csv").read_text().splitlines()):
        if row["predictor"] == "ngram":
            key = name_model(row["model_size"], row["seed"]), row["predictor_corpus"], int(row["ngram_order"])
            found[key][int(row["step"])] = float(row["pearson_correlation"])
    return found


def test_every_published_row_is_in_the_marts_without_what_was_not_published(built):
    rows = built.rows(
        "select count(), uniqExact(model_id), uniqExact(predictor_id), countIf(is_published), count(unit_count),"
        " count(pearson_low), any(corpus_id) from fct_phase_correlation_by_checkpoint"
    )
    assert rows == [(15_400, 55, 14, 15_400, 0, 0, "nawoco")]
    rows = built.rows(
        "select count(), uniqExact(model_id), uniqExact(regression_id), count(unigram_coefficient),"
        " min(reason_for_null) from fct_phase_regression_by_checkpoint where is_published"
    )
    assert rows == [(1_600, 10, 8, 0, "published without coefficients")]


def test_the_published_correlations_reproduce_the_published_r_squared(built):
    """R2 = r' inverse(R) r is linear in the six entries of inverse(R), which other models' checkpoints give."""
    correlations = {
        (model_id, step, predictor): pearson
        for model_id, step, predictor, pearson in built.rows(
            "select model_id, step, predictor_id, pearson from fct_phase_correlation_by_checkpoint"
        )
    }
    groups: dict[tuple[str, str, str], list[tuple[str, list[float], float]]] = defaultdict(list)
    for model_id, step, corpus, vectors, weighting, r_squared in built.rows(
        "select model_id, step, ngram_corpus_id, vectors_id, weighting, r_squared_train"
        " from fct_phase_regression_by_checkpoint"
    ):
        first, fifth = (f"ngram-{order}/published/stupid_backoff/{corpus}" for order in (1, 5))
        predictors = (first, fifth, f"similarity-{weighting}/{vectors}")
        a, b, c = (correlations[model_id, step, predictor] for predictor in predictors)
        products = [a * a, b * b, c * c, 2 * a * b, 2 * a * c, 2 * b * c]
        groups[corpus, vectors, weighting].append((model_id, products, r_squared))
    assert len(groups) == 8
    for rows in groups.values():
        for model_id in {row[0] for row in rows}:
            others = [row for row in rows if row[0] != model_id]
            entries, *_ = np.linalg.lstsq([row[1] for row in others], [row[2] for row in others], rcond=None)
            own = [row for row in rows if row[0] == model_id]
            predicted = np.array([row[1] for row in own]) @ entries
            assert predicted == pytest.approx([row[2] for row in own], abs=3e-5)
            first, second, third, *rest = entries
            inverse = np.array([[first, rest[0], rest[1]], [rest[0], second, rest[2]], [rest[1], rest[2], third]])
            assert np.diag(np.linalg.inv(inverse)) == pytest.approx(np.ones(3), abs=1e-3)  # correlations with itself


def test_peaks_and_onsets_of_published_models_have_no_interval(built, series):
    rows = built.rows(
        "select model_id, predictor_source, ngram_order, peak_step, onset_step, tolerance_first_step,"
        " tolerance_last_step, peak_step_low, onset_step_high from fct_phase_peak"
    )
    assert len(rows) == len(series) == 55 * 2 * 5
    for model_id, corpus, order, *found in rows:
        values = series[model_id, corpus, order]
        steps = sorted(values)
        numbers = np.array([values[step] for step in steps])
        near = np.flatnonzero(numbers >= numbers.max() - TOLERANCE)
        onset = np.argmax(numbers >= (numbers[0] + numbers.max()) / 2)
        places = [int(np.argmax(numbers)), int(onset), near[0], near[-1]]
        assert found == [*(steps[place] for place in places), None, None]


def test_the_verdict_on_published_models_is_that_of_their_greatest_correlations_with_a_tolerance(built, series):
    verdicts = Counter()
    for model_id, corpus, verdict, basis, in_order, share in built.rows(
        "select model_id, predictor_source, verdict, verdict_basis, is_argmax_in_order, in_order_share"
        " from fct_phase_order"
    ):
        windows, peaks = [], []
        for order in ORDERS:
            values = series[model_id, corpus, order]
            greatest = max(values.values())
            near = [step for step, value in values.items() if value >= greatest - TOLERANCE]
            windows.append(near)
            peaks.append(min(step for step, value in values.items() if value == greatest))
        rises = all(before <= after for before, after in itertools.pairwise(peaks)) and peaks[-1] > peaks[0]
        reached, can_rise = -1, True
        for near in windows:
            reached = max(reached, min(near))
            can_rise &= reached <= max(near)
        expected = "in order" if rises else "cannot be told" if can_rise else "not in order"
        assert (verdict, basis, in_order, share) == (expected, "argmax with tolerance", rises, None)
        verdicts[corpus, verdict] += 1
    assert verdicts == {
        ("openwebtext", "in order"): 54,
        ("openwebtext", "cannot be told"): 1,
        ("pile", "in order"): 49,
        ("pile", "cannot be told"): 4,
        ("pile", "not in order"): 2,
    }


def test_only_sizes_with_several_seeds_have_an_interval_over_seeds(built):
    rows = built.rows(
        "select distinct parameter_count < 1e9, measure, seed_count, mean_low is null, reason_for_null"
        " from fct_phase_seed_mean where measure in ('pearson', 'r_squared_train') order by all"
    )
    assert rows == [
        (0, "pearson", 1, 1, "a single run"),
        (0, "r_squared_train", 1, 1, "a single run"),
        (1, "pearson", 10, 0, ""),
        (1, "r_squared_train", 1, 1, "a single run"),
    ]
