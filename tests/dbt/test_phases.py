"""Marts of behavioural phases, against scipy, statsmodels and plain loops on synthetic scores."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from tests.support.synthetic_phases import (
    DEGENERATE,
    MODELS,
    ORDERS,
    PREDICTORS,
    PROSE_DOCUMENTS,
    PROSE_LENGTH,
    PROSE_WORDS,
    STEPS,
    UNKNOWN_WORDS,
    WORD_COUNT,
    WORD_SPLITS,
    insert_phases,
    is_scored,
    make_log_probs,
    make_next_word,
    word_log_probs,
)
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

MARTS = ("+models/marts/phases", "+dim_token_context", "+dim_token", "+dim_model", "+int_document_weight")
TRAINING = WORD_SPLITS == "train"
VALIDATION = WORD_SPLITS == "validation"
KNOWN = ~UNKNOWN_WORDS
NGRAM = "ngram-{}/clickhouse/stupid_backoff/books"
INCREMENTAL = (
    "int_unit_log_prob",
    "int_phase_correlation",
    "int_phase_correlation_replicate",
    "int_phase_regression",
    "int_checkpoint_agreement",
    "int_phase_trend_bridge",
)


@pytest.fixture(scope="module")
def built(warehouse):
    insert_phases(warehouse)
    warehouse.build(*MARTS)
    return warehouse


def log_probs(model_id: str, corpus_id: str) -> np.ndarray:
    """Return the log-probabilities of the units of a corpus; the axes are steps and units."""
    return word_log_probs(model_id) if corpus_id == "words" else make_log_probs(model_id, "prose").astype(float)


def predictor_mask(model_id: str, corpus_id: str, step: int, predictor: int | str) -> np.ndarray:
    """Return which units a correlation is over."""
    if corpus_id == "prose":
        return np.full(PROSE_WORDS, True)
    return TRAINING & is_scored(model_id, step) & (KNOWN if isinstance(predictor, str) else True)


def ask(warehouse, name: str, **values: object) -> list[dict]:
    """Return the rows of a packaged question."""
    question = read_questions(packaged_questions())[name]
    return ask_question(warehouse.client, question, {key: str(value) for key, value in values.items()}).to_pylist()


def test_correlations_over_training_words_are_those_of_scipy_with_fishers_intervals(built):
    rows = built.rows(
        "select model_id, corpus_id, step, predictor_id, ngram_order, weighting, unit_count, pearson, pearson_low,"
        " pearson_high, spearman, spearman_low, spearman_high"
        " from fct_phase_correlation_by_checkpoint where suite_id = 's' and corpus_id in ('words', 'prose')"
    )
    # The words in context have five orders and two weightings, the prose five orders for words and for tokens.
    assert len(rows) == len(MODELS) * len(STEPS) * (7 + 5 + 5)
    for model_id, corpus_id, step, predictor_id, order, weighting, count, *found in rows:
        predictor = weighting or order
        assert predictor_id == (f"similarity-{weighting}/vectors" if weighting else NGRAM.format(order))
        mask = predictor_mask(model_id, corpus_id, step, predictor)
        x = PREDICTORS[corpus_id][predictor][mask].astype(float)
        y = log_probs(model_id, corpus_id)[STEPS.index(step)][mask]
        assert count == mask.sum()
        pearson, spearman = stats.pearsonr(x, y), stats.spearmanr(x, y).statistic
        interval = pearson.confidence_interval(0.95)
        width = stats.norm.ppf(0.975) * math.sqrt((1 + spearman**2 / 2) / (count - 3))
        bounds = [math.tanh(math.atanh(spearman) + sign * width) for sign in (-1, 1)]
        assert found == pytest.approx([pearson.statistic, interval.low, interval.high, spearman, *bounds], abs=1e-9)
    ties = PREDICTORS["words"][1]
    assert len(set(ties.tolist())) < len(ties) / 4


def test_corrected_log_probs_add_the_boundary_after_a_word_and_take_off_the_one_before_it(built):
    rows = built.rows(
        "select model_id, step, ngram_order, corrected_pearson from fct_phase_correlation_by_checkpoint"
        " where corpus_id = 'words' and predictor_kind = 'ngram' and suite_id = 's'"
    )
    for model_id, step, order, found in rows:
        if not model_id.endswith("-1"):
            assert found is None
            continue
        before, after = np.moveaxis(make_next_word(model_id)[STEPS.index(step)].astype(float), -1, 0)
        corrected = log_probs(model_id, "words")[STEPS.index(step)] + after - before
        expected = np.corrcoef(corrected[TRAINING], PREDICTORS["words"][order][TRAINING])[0, 1]
        assert found == pytest.approx(expected, abs=1e-9)


def fit_regression(y: np.ndarray, weighting: str, known: np.ndarray) -> tuple[sm.OLS, float, list[float]]:
    """Return the fit on training words by statsmodels, R2 on validation words, and the Shapley values of R2."""
    scores = PREDICTORS["words"]
    columns = np.column_stack([y, scores[1], scores[5], scores[weighting]]).astype(float)
    z_scores = (columns - columns[known].mean(axis=0)) / columns[known].std(axis=0)
    response, design = z_scores[:, 0], z_scores[:, 1:]
    training, validation = TRAINING & known, VALIDATION & known
    fit = sm.OLS(response[training], sm.add_constant(design[training])).fit()
    residuals = response[validation] - fit.predict(sm.add_constant(design[validation]))
    variation = response[validation] - response[validation].mean()

    def r_squared(chosen: frozenset[int]) -> float:
        if not chosen:
            return 0.0
        return sm.OLS(response[training], sm.add_constant(design[training][:, sorted(chosen)])).fit().rsquared

    shares = [0.0, 0.0, 0.0]
    for order in itertools.permutations(range(3)):
        for place, predictor in enumerate(order):
            before = frozenset(order[:place])
            shares[predictor] += (r_squared(before | {predictor}) - r_squared(before)) / 6
    return fit, 1 - (residuals @ residuals) / (variation @ variation), shares


def test_the_regression_is_that_of_statsmodels_and_its_shares_those_of_a_loop_over_orders(built):
    rows = built.rows(
        "select model_id, step, weighting, training_count, validation_count, intercept, unigram_coefficient,"
        " fivegram_coefficient, similarity_coefficient, intercept_standard_error, unigram_standard_error,"
        " fivegram_standard_error, similarity_standard_error, r_squared_train, r_squared_validation, unigram_share,"
        " fivegram_share, similarity_share"
        " from fct_phase_regression_by_checkpoint where corpus_id = 'words'"
    )
    assert len(rows) == len(MODELS) * len(STEPS) * 2
    for model_id, step, weighting, training_count, validation_count, *found in rows:
        known = KNOWN & is_scored(model_id, step)
        assert (training_count, validation_count) == ((TRAINING & known).sum(), (VALIDATION & known).sum())
        y = log_probs(model_id, "words")[STEPS.index(step)]
        fit, r_squared_validation, shares = fit_regression(y, weighting, known)
        expected = [*fit.params, *fit.bse, fit.rsquared, r_squared_validation, *shares]
        assert found == pytest.approx(expected, abs=1e-6)
        assert sum(found[-3:]) == pytest.approx(found[-5], abs=1e-12)


@pytest.mark.parametrize("corpus_id", DEGENERATE)
def test_where_a_statistic_is_not_defined_there_is_a_reason_and_no_number(built, corpus_id):
    rows = built.rows(
        "select distinct intercept, unigram_coefficient, fivegram_standard_error, r_squared_train, similarity_share,"
        f" reason_for_null from fct_phase_regression_by_checkpoint where corpus_id = '{corpus_id}'"
    )
    assert rows == [(None, None, None, None, None, DEGENERATE[corpus_id])]
    correlations = {
        (order or weighting): (pearson, spearman, low, reason)
        for order, weighting, pearson, spearman, low, reason in built.rows(
            "select ngram_order, weighting, pearson, spearman, pearson_low, reason_for_null"
            f" from fct_phase_correlation_by_checkpoint where corpus_id = '{corpus_id}' and step = 0"
        )
    }
    everything = set(correlations)
    undefined = {"few": everything, "silent": everything, "flat": {1}, "alike": {"unweighted"}}.get(corpus_id, set())
    reason = {"flat": "constant predictor", "alike": "constant predictor", "few": "fewer than five units"}
    for predictor, found in correlations.items():
        if predictor in undefined:
            assert found == (None, None, None, reason.get(corpus_id, DEGENERATE[corpus_id]))
        else:
            assert None not in found
            assert found[-1] == ""


def test_a_corpus_without_similarities_has_no_regression_and_says_so(built):
    rows = built.rows(
        "select distinct r_squared_train, unigram_coefficient, reason_for_null"
        " from fct_phase_regression_by_checkpoint where corpus_id = 'prose'"
    )
    assert rows == [(None, None, "no similarity")]


@pytest.fixture(scope="module")
def replicates(built) -> dict[tuple[str, int], np.ndarray]:
    """By model and order: the correlations on ``words`` in each replicate; the axes are steps and replicates."""
    weights = np.array(
        [
            row[0]
            for row in built.rows(
                "select weights from int_document_weight where corpus_id = 'words' order by document_id"
            )
        ],
        dtype=float,
    )
    drawn = {}
    for model_id, order in itertools.product(MODELS, ORDERS):
        y = log_probs(model_id, "words")
        x = PREDICTORS["words"][order].astype(float)
        series = []
        for step, values in zip(STEPS, y, strict=True):
            kept = TRAINING & is_scored(model_id, step)
            w = weights[kept]
            dx = x[kept, None] - (w * x[kept, None]).sum(axis=0) / w.sum(axis=0)
            dy = values[kept, None] - (w * values[kept, None]).sum(axis=0) / w.sum(axis=0)
            series.append((w * dx * dy).sum(axis=0) / np.sqrt((w * dx**2).sum(axis=0) * (w * dy**2).sum(axis=0)))
        drawn[model_id, order] = np.array(series)
    return drawn


def find_onset(series: np.ndarray) -> int:
    """Return the index of the first correlation that is half the way from the first to the greatest one."""
    return int(np.argmax(series >= (series[0] + series.max()) / 2))


def test_peaks_and_onsets_have_the_intervals_of_the_bootstrap_over_words(built, replicates):
    rows = built.rows(
        "select model_id, ngram_order, peak_step, peak_step_low, peak_step_high, onset_step, onset_step_low,"
        " onset_step_high, peak_correlation, checkpoint_count from fct_phase_peak where corpus_id = 'words'"
    )
    assert len(rows) == len(MODELS) * len(ORDERS)
    tail = stats.norm.cdf(-math.sqrt(WORD_COUNT / (WORD_COUNT - 1)) * stats.t.ppf(0.975, WORD_COUNT - 1))
    for model_id, order, *found in rows:
        kept = [TRAINING & is_scored(model_id, step) for step in STEPS]
        x, y = PREDICTORS["words"][order], log_probs(model_id, "words")
        series = np.array([np.corrcoef(values[mask], x[mask])[0, 1] for values, mask in zip(y, kept, strict=True)])
        peak, onset = int(np.argmax(series)), find_onset(series)
        drawn = replicates[model_id, order]
        peaks, onsets = np.sort(drawn.argmax(axis=0)), np.sort([find_onset(column) for column in drawn.T])
        rank = round(tail * (len(peaks) - 1))
        steps = [peak, peaks[rank], peaks[-1 - rank], onset, onsets[rank], onsets[-1 - rank]]
        assert found[:6] == [STEPS[step] for step in steps]
        assert found[6:] == [pytest.approx(series[peak], abs=1e-9), len(STEPS)]


def test_the_verdict_on_the_order_is_the_share_of_replicates_in_order(built, replicates):
    rows = built.rows(
        "select model_id, verdict, verdict_basis, in_order_share, out_of_order_share, peak_steps, ngram_orders"
        " from fct_phase_order where corpus_id = 'words'"
    )
    assert {row[0] for row in rows} == set(MODELS)
    for model_id, verdict, basis, in_order, out_of_order, _, orders in rows:
        peaks = np.array([replicates[model_id, order].argmax(axis=0) for order in ORDERS])
        rises = (np.diff(peaks, axis=0) >= 0).all(axis=0)
        assert in_order == pytest.approx((rises & (peaks[-1] > peaks[0])).mean())
        assert out_of_order == pytest.approx((~rises).mean())
        assert (verdict, basis) == ("not in order" if model_id == "s/reversed" else "in order", "bootstrap")
        assert orders == list(ORDERS)


def test_agreement_is_the_correlation_of_the_same_words_under_both_checkpoints(built):
    rows = built.rows(
        "select corpus_id, model_id, step, other_model_id, other_step, relation, word_count, pearson, pearson_low"
        " from fct_checkpoint_agreement where corpus_id in ('words', 'prose')"
    )
    checkpoints = list(itertools.product(MODELS, STEPS))
    assert {row[:5] for row in rows} == {
        (corpus_id, *first, *second)
        for corpus_id in ("words", "prose")
        for first, second in itertools.product(checkpoints, checkpoints)
    }
    assert len(rows) == 2 * len(checkpoints) ** 2
    for corpus_id in ("words", "prose"):
        stacked = np.concatenate([log_probs(model_id, corpus_id) for model_id in MODELS])
        scored = [corpus_id == "prose" or is_scored(*checkpoint) for checkpoint in checkpoints]
        for _, model_id, step, other_model_id, other_step, relation, count, pearson, low in (
            row for row in rows if row[0] == corpus_id
        ):
            place, other_place = checkpoints.index((model_id, step)), checkpoints.index((other_model_id, other_step))
            both = np.full(stacked.shape[1], True) & scored[place] & scored[other_place]
            assert count == both.sum()
            expected = np.corrcoef(stacked[place][both], stacked[other_place][both])[0, 1]
            assert pearson == pytest.approx(expected, abs=1e-9)
            if place != other_place:
                assert low < pearson
            architecture, parameters, _ = MODELS[model_id]
            other_architecture, other_parameters, _ = MODELS[other_model_id]
            assert relation == (
                "same run"
                if model_id == other_model_id
                else "other architecture"
                if architecture != other_architecture
                else "other size"
                if parameters != other_parameters
                else "other seed"
            )


def test_means_over_seeds_have_the_interval_of_students_t(built):
    values: dict[tuple, list[float]] = {}
    for model_id, step, order, pearson in built.rows(
        "select model_id, step, ngram_order, pearson from fct_phase_correlation_by_checkpoint"
        " where corpus_id = 'words' and predictor_kind = 'ngram' and suite_id = 's'"
    ):
        values.setdefault((*MODELS[model_id][:2], step, order), []).append(pearson)
    rows = built.rows(
        "select architecture, parameter_count, step, ngram_order, seed_count, mean_value, mean_low, mean_high,"
        " reason_for_null from fct_phase_seed_mean where corpus_id = 'words' and measure = 'pearson'"
        " and predictor_kind = 'ngram'"
    )
    assert len(rows) == len(values) == 3 * len(STEPS) * len(ORDERS)
    for *group, seed_count, mean, low, high, reason in rows:
        sample = values[tuple(group)]
        assert mean == pytest.approx(np.mean(sample), abs=1e-12)
        if len(sample) == 1:
            assert (seed_count, low, high, reason) == (0, None, None, "a single run")
            continue
        expected = stats.t.interval(0.95, len(sample) - 1, np.mean(sample), stats.sem(sample))
        assert (low, high) == pytest.approx(expected, abs=1e-9)
        assert (seed_count, reason) == (len(sample), "")


def test_trends_are_compared_with_the_n_grams_of_their_tokens(built):
    categories = {
        (model_id, document, position): category
        for model_id, document, position, category in built.rows(
            "select model_id, document_id, position, category from int_token_trend_by_start"
            " where corpus_id = 'prose' and convention_id = 'paper' and start_percent = 10 and position >= 4"
        )
    }
    places = [(document, place) for document in range(PROSE_DOCUMENTS) for place in range(4, PROSE_LENGTH)]
    rows = built.rows(
        "select model_id, step, category, ngram_order, token_count, mean_log_prob_nats, mean_ngram_log_prob_nats,"
        " pearson, reason_for_null from fct_phase_trend_bridge"
    )
    assert len(rows) == len(MODELS) * len(STEPS) * 4 * len(ORDERS)
    counted = 0
    for model_id, step, category, order, count, mean, ngram_mean, pearson, reason in rows:
        mask = np.array([categories[model_id, *place] == category for place in places])
        y = log_probs(model_id, "prose")[STEPS.index(step)][mask]
        x = PREDICTORS["prose"][order][mask].astype(float)
        assert count == mask.sum()
        if count:
            assert (mean, ngram_mean) == pytest.approx((y.mean(), x.mean()), abs=1e-9)
        if count < 5:
            assert (pearson, reason) == (None, "fewer than five tokens")
        elif reason == "":
            assert pearson == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
            counted += 1
    assert counted > len(rows) / 4


def test_any_two_checkpoints_can_be_asked_for(built):
    (row,) = ask(
        built,
        "agreement_of_two_checkpoints",
        corpus_id="words",
        model_id="s/neox-1",
        step=200,
        other_model_id="s/mamba-2",
        other_step=1600,
    )
    first, second = log_probs("s/neox-1", "words")[2], log_probs("s/mamba-2", "words")[5]
    assert row["word_count"] == WORD_COUNT
    assert row["pearson"] == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-9)
    assert row["mean_difference_nats"] == pytest.approx((second - first).mean(), abs=1e-9)


def test_the_words_that_n_grams_miss_have_the_largest_residuals(built):
    rows = ask(
        built,
        "words_that_ngrams_miss",
        corpus_id="words",
        model_id="s/neox-2",
        predictor_id=NGRAM.format(5),
        row_limit=7,
    )
    y, x = log_probs("s/neox-2", "words")[-1], PREDICTORS["words"][5].astype(float)
    residuals = sm.OLS(y, sm.add_constant(x)).fit().resid
    worst = np.argsort(-np.abs(residuals))[:7]
    assert [row["document_id"] for row in rows] == worst.tolist()
    assert [row["residual_nats"] for row in rows] == pytest.approx(residuals[worst].tolist(), abs=1e-6)
    deviation = math.sqrt(residuals @ residuals / (WORD_COUNT - 2))
    assert rows[0]["deviation"] == pytest.approx(residuals[worst[0]] / deviation, abs=1e-6)
    assert {row["step"] for row in rows} == {STEPS[-1]}


@pytest.mark.parametrize("name", [n for n, q in read_questions(packaged_questions()).items() if q.subject == "phases"])
def test_every_question_about_phases_answers(built, name):
    declared = {parameter.name for parameter in read_questions(packaged_questions())[name].parameters}
    chosen = {"suite_id": "s", "corpus_id": "words", "model_id": "s/neox-1", "step": 800}
    chosen |= {"other_model_id": "s/mamba-1", "other_step": 800, "predictor_id": NGRAM.format(5)}
    assert ask(built, name, **{key: value for key, value in chosen.items() if key in declared})


def written_blocks(warehouse) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the first and last block number of every partition of the incremental tables."""
    rows = warehouse.rows(
        "select table, partition, min(min_block_number), max(max_block_number) from system.parts"
        " where active and database = currentDatabase() group by table, partition"
    )
    return {(table, partition): blocks for table, partition, *blocks in rows if table in INCREMENTAL}


def test_a_second_build_writes_nothing_and_a_new_checkpoint_only_its_own_model(built):
    content, blocks = built.digest(), written_blocks(built)
    assert {table for table, _ in blocks} == set(INCREMENTAL)
    built.dbt("run", "--select", *MARTS)
    assert (built.digest(), written_blocks(built)) == (content, blocks)
    built.add_model("s/neox-2", [6400], planned_steps=3200, architecture="gpt_neox", parameter_count=1000, seed=2)
    rows = [(word, position, -1.0 - word / 7) for word in range(WORD_COUNT) for position in range(4, 7)]
    built.score_checkpoint("s/neox-2", "words", 6400, rows)
    built.dbt("run", "--select", *MARTS)
    after = written_blocks(built)
    changed = {key for key in blocks | after if blocks.get(key) != after.get(key)}
    assert changed
    assert all("'s/neox-2'" in partition and "'words'" in partition for _, partition in changed)
    assert {table for table, _ in changed} == set(INCREMENTAL) - {"int_phase_trend_bridge"}
    before = built.digest()
    built.dbt("run", "--full-refresh", "--select", *MARTS)
    assert built.digest() == before
