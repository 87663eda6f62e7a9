"""Perplexity, bits per byte and training compute, compared with plain Python."""

import math

import numpy as np
import pytest
from scipy import stats

MODELS = {
    "opt/125m": {
        "parameter_count": 125_000_000,
        "layer_count": 12,
        "head_count": 12,
        "head_dimension": 64,
        "context_length": 2048,
        "batch_tokens": 2**19,
    },
    "opt/175b": {
        "parameter_count": 175_000_000_000,
        "layer_count": 96,
        "head_count": 96,
        "head_dimension": 128,
        "context_length": 2048,
        "batch_tokens": 2**21,
    },
    "mamba/130m": {
        "parameter_count": 129_135_360,
        "layer_count": 24,
        "head_count": 0,
        "head_dimension": 0,
        "context_length": 2048,
        "batch_tokens": 2**19,
    },
}
STEPS = [0, 500, 1000]
PROMPT_LENGTH = 3
TOKEN_BYTES = 3
ESSAYS = {document_id: 5 + 7 * document_id % 26 for document_id in range(30)}  # number of tokens by document


def log_prob(model_id: str, document_id: int, position: int, step: int) -> float:
    """Return a synthetic score that a float32 holds exactly."""
    return -(1 + len(model_id) % 3 + document_id / 4 + position / 64 + (1000 - step) / 256)


@pytest.fixture(scope="module")
def essays() -> dict[str, dict[tuple[int, int], dict[int, float]]]:
    """Scores of two models on a corpus of 30 documents, each of which has a difficulty of its own."""
    return make_scores(("opt/125m", "opt/175b"), seed=0)


@pytest.fixture(scope="module")
def plays() -> dict[str, dict[tuple[int, int], dict[int, float]]]:
    """Scores of two models of different suites and of similar compute, on another corpus of 30 documents."""
    return make_scores(("mamba/130m", "opt/125m"), seed=1)


def make_scores(models: tuple[str, str], seed: int) -> dict[str, dict[tuple[int, int], dict[int, float]]]:
    """Return random scores of two models by token and step."""
    generator = np.random.default_rng(seed)
    tokens = [(document_id, position) for document_id, length in ESSAYS.items() for position in range(1, length)]
    difficulty = generator.normal(0, 0.5, len(ESSAYS))
    losses = {}
    for model_id in models:
        gains = generator.normal(0.3, 0.1, (len(ESSAYS), len(STEPS))).cumsum(axis=1)
        losses[model_id] = {
            (document_id, position): dict(
                zip(
                    STEPS,
                    np.float32(
                        -np.abs(4 + difficulty[document_id] - gains[document_id] + generator.normal(0, 0.5, len(STEPS)))
                    ).tolist(),
                    strict=True,
                )
            )
            for document_id, position in tokens
        }
    return losses


@pytest.fixture(scope="module")
def built(warehouse, essays, plays):
    """Three models on a corpus whose first document begins with a prompt; the last model lacks step 500.

    The OPT models are also scored on the corpus of 30 documents.
    """
    warehouse.add_corpus("books", {0: 9, 1: 5}, token_bytes=TOKEN_BYTES, prompt=PROMPT_LENGTH)
    warehouse.add_corpus("essays", ESSAYS, token_bytes=TOKEN_BYTES)
    warehouse.add_corpus("plays", ESSAYS, token_bytes=TOKEN_BYTES)
    tokens = [(0, position) for position in range(1, 9)] + [(1, position) for position in range(1, 5)]
    for model_id, columns in MODELS.items():
        warehouse.add_model(model_id, STEPS, planned_steps=2000, **columns)
        steps = STEPS if model_id != "mamba/130m" else [0, 1000]
        warehouse.score(
            model_id,
            "books",
            {token: {step: log_prob(model_id, *token, step) for step in steps} for token in tokens},
        )
    for model_id, series in essays.items():
        warehouse.score(model_id, "essays", series)
    for model_id, series in plays.items():
        warehouse.score(model_id, "plays", series)
    selection = [
        "+fct_perplexity_difference",
        "+fct_model_comparison",
        "fct_validation_perplexity_by_axis",
        "+dim_corpus",
    ]
    warehouse.build(*selection)
    return warehouse


def test_training_flops_are_counted_with_and_without_attention(built):
    rows = built.rows("select model_id, step, tokens_seen, train_flops_6n, train_flops_palm from dim_checkpoint")
    assert len(rows) == 9
    for model_id, step, tokens_seen, flops_6n, flops_palm in rows:
        model = MODELS[model_id]
        tokens = step * model["batch_tokens"]
        attention = 12 * model["layer_count"] * model["head_count"] * model["head_dimension"] * 2048
        assert tokens_seen == tokens
        assert flops_6n == pytest.approx(6 * model["parameter_count"] * tokens, rel=1e-15)
        assert flops_palm == pytest.approx((6 * model["parameter_count"] + attention) * tokens, rel=1e-15)


def test_attention_adds_30_percent_at_125m_and_3_percent_at_175b(built):
    shares = dict(
        built.rows("select model_id, train_flops_per_token_palm / train_flops_per_token_6n - 1 from dim_model")
    )
    assert shares["opt/125m"] == pytest.approx(0.30, abs=0.005)
    assert shares["opt/175b"] == pytest.approx(0.03, abs=0.005)
    assert shares["mamba/130m"] == 0


def test_perplexity_is_the_geometric_mean_over_the_positions_after_the_prompt(built):
    rows = built.rows(
        "select model_id, step, score_count, mean_log_prob_nats, perplexity, bits_per_byte"
        " from fct_validation_perplexity_by_checkpoint where corpus_id = 'books'"
    )
    counted = [(0, position) for position in range(PROMPT_LENGTH, 9)] + [(1, position) for position in range(1, 5)]
    assert {row[:2] for row in rows} == {
        (model_id, step) for model_id in MODELS for step in STEPS if (model_id, step) != ("mamba/130m", 500)
    }
    for model_id, step, score_count, mean, perplexity, bits_per_byte in rows:
        scores = [log_prob(model_id, *token, step) for token in counted]
        assert score_count == len(counted)
        assert mean == pytest.approx(math.fsum(scores) / len(scores), rel=1e-14)
        assert perplexity == pytest.approx(
            math.prod(math.exp(-score) for score in scores) ** (1 / len(scores)), rel=1e-12
        )
        assert bits_per_byte == pytest.approx(
            -math.fsum(scores) / math.log(2) / (TOKEN_BYTES * len(counted)), rel=1e-14
        )


def test_every_perplexity_carries_the_axes_of_its_checkpoint(built):
    rows = built.rows(
        "select tokens_seen, fraction_of_training, train_flops_6n, train_flops_palm, checkpoint_id"
        " from fct_validation_perplexity_by_checkpoint where corpus_id = 'books' order by checkpoint_id"
    )
    axes = built.rows(
        "select tokens_seen, fraction_of_training, train_flops_6n, train_flops_palm, checkpoint_id"
        " from dim_checkpoint where checkpoint_id != 'mamba/130m@500' order by checkpoint_id"
    )
    assert rows == axes
    assert {row[1] for row in rows} == {0.0, 0.25, 0.5}


def test_a_corpus_with_a_document_whose_tokens_have_no_spans_has_no_bits_per_byte(built):
    built.add_corpus("located", {0: 4, 1: 3})
    built.add_corpus("unlocated", {0: 4, 1: 3})
    built.client.command("delete from raw_token where corpus_id = 'unlocated' and document_id = 1")
    scores = [(0, 1, -1.0), (0, 2, -2.0), (0, 3, -3.0), (1, 1, -4.0), (1, 2, -5.0)]
    for corpus_id in ("located", "unlocated"):
        built.score_checkpoint("opt/125m", corpus_id, STEPS[0], scores)
    built.dbt("run", "--select", "+fct_validation_perplexity_by_checkpoint")
    rows = built.rows(
        "select corpus_id, score_count, perplexity, bits_per_byte from fct_validation_perplexity_by_checkpoint"
        " where corpus_id like '%located' order by corpus_id"
    )
    perplexity = pytest.approx(math.exp(3), rel=1e-12)
    assert rows == [
        ("located", 5, perplexity, pytest.approx(15 / math.log(2) / 20, rel=1e-12)),
        ("unlocated", 5, perplexity, None),
    ]


def sum_over_documents(series: dict[tuple[int, int], dict[int, float]], step: int) -> np.ndarray:
    """Return the summed loss of each document at one step."""
    losses = np.zeros(len(ESSAYS))
    for (document_id, _), values in series.items():
        losses[document_id] -= values[step]
    return losses


def replicate_losses(warehouse, series, step: int, corpus_id: str = "essays") -> np.ndarray:
    """Return the mean loss in each replicate, with the weights that the warehouse gives the documents."""
    rows = warehouse.rows(
        f"select weights from int_document_weight where corpus_id = '{corpus_id}' order by document_id"
    )
    weights = np.array([row[0] for row in rows], dtype=float)
    token_counts = np.array(list(ESSAYS.values())) - 1.0
    return sum_over_documents(series, step) @ weights / (token_counts @ weights)


def find_bounds(replicates: np.ndarray) -> tuple[float, float]:
    """Return the expanded percentile interval of Hesterberg (2015) for the 30 documents."""
    count = len(ESSAYS)
    tail = stats.norm.cdf(-math.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1))
    rank = round(tail * (len(replicates) - 1))
    ordered = np.sort(replicates)
    return ordered[rank], ordered[-1 - rank]


def test_perplexity_and_bits_per_byte_have_intervals_over_documents(built, essays):
    rows = built.rows(
        "select model_id, step, document_count, perplexity_lower, perplexity_upper, bits_per_byte_lower,"
        " bits_per_byte_upper"
        " from fct_validation_perplexity_by_checkpoint where corpus_id = 'essays'"
    )
    assert len(rows) == 2 * len(STEPS)
    for model_id, step, document_count, *bounds in rows:
        low, high = find_bounds(replicate_losses(built, essays[model_id], step))
        bits = 1 / math.log(2) / TOKEN_BYTES
        assert document_count == len(ESSAYS)
        assert bounds == pytest.approx([math.exp(low), math.exp(high), low * bits, high * bits], rel=1e-6)
        losses = [-values[step] for values in essays[model_id].values()]
        assert high - low > 2 * 1.96 * 2 * np.std(losses) / math.sqrt(len(losses))  # tokens are not independent


def test_two_documents_give_no_interval(built):
    rows = built.rows(
        "select distinct document_count, perplexity_lower, perplexity_upper, bits_per_byte_lower,"
        " bits_per_byte_upper"
        " from fct_validation_perplexity_by_checkpoint where corpus_id = 'books'"
    )
    assert rows == [(2, None, None, None, None)]


def test_perplexities_are_compared_on_paired_documents(built, essays):
    rows = built.rows(
        "select comparison, model_id, step, reference_model_id, reference_step, perplexity_ratio,"
        " perplexity_ratio_lower, perplexity_ratio_upper, bits_per_byte_difference, bits_per_byte_difference_lower,"
        " bits_per_byte_difference_upper"
        " from fct_perplexity_difference where corpus_id = 'essays'"
    )
    small, large = essays
    expected = {("previous checkpoint", model, STEPS[i + 1], model, STEPS[i]) for model in essays for i in range(2)}
    expected |= {("same step", large, step, small, step) for step in STEPS}
    assert {row[:5] for row in rows} == expected | {("last checkpoints", large, STEPS[-1], small, STEPS[-1])}
    token_count = sum(ESSAYS.values()) - len(ESSAYS)
    for _, model, step, other, other_step, *found in rows:
        sums = sum_over_documents(essays[model], step) - sum_over_documents(essays[other], other_step)
        replicates = replicate_losses(built, essays[model], step) - replicate_losses(built, essays[other], other_step)
        values = np.array([sums.sum() / token_count, *find_bounds(replicates)])
        assert found == pytest.approx([*np.exp(values), *values / math.log(2) / TOKEN_BYTES], rel=1e-5)


def test_paired_documents_make_a_difference_more_precise_than_two_intervals(built):
    ((ratio, low, high),) = built.rows(
        "select perplexity_ratio, perplexity_ratio_lower, perplexity_ratio_upper from fct_perplexity_difference"
        " where corpus_id = 'essays' and comparison = 'last checkpoints'"
    )
    rows = built.rows(
        "select perplexity_lower, perplexity_upper from fct_validation_perplexity_by_checkpoint"
        f" where corpus_id = 'essays' and step = {STEPS[-1]}"
    )
    separate = math.hypot(*(math.log(upper / lower) for lower, upper in rows))
    assert low < ratio < high
    assert math.log(high / low) < 0.6 * separate


def test_models_are_compared_at_equal_compute_and_at_equal_perplexity_on_paired_documents(built, plays):
    rows = built.rows(
        "select model_id, reference_model_id, has_same_tokens, equal_eflops * 1e18, equal_perplexity, perplexity_ratio,"
        " perplexity_ratio_lower, perplexity_ratio_upper, flops_ratio, flops_ratio_lower, flops_ratio_upper"
        " from fct_model_comparison where corpus_id = 'plays'"
    )
    steps = built.rows("select model_id, step, log(train_flops_palm) from dim_checkpoint where step > 0 order by step")
    first, second = plays
    assert {row[:3] for row in rows} == {(first, second, True), (second, first, True)}
    token_count = sum(ESSAYS.values()) - len(ESSAYS)
    curves = {}
    for model in plays:
        losses = [sum_over_documents(plays[model], step).sum() / token_count for step in STEPS[1:]]
        replicates = [replicate_losses(built, plays[model], step, "plays") for step in STEPS[1:]]
        log_flops = [value for model_id, _, value in steps if model_id == model]
        curves[model] = log_flops, np.vstack([losses, np.transpose(replicates)])
    for model, other, _, *found in rows:
        (own_flops, own), (other_flops, reference) = curves[model], curves[other]
        equal_flops = min(own_flops[-1], other_flops[-1])
        gaps = np.array(
            [
                np.interp(equal_flops, own_flops, losses) - np.interp(equal_flops, other_flops, others)
                for losses, others in zip(own, reference, strict=True)
            ]
        )
        levels = np.maximum(own.min(axis=1), reference.min(axis=1))
        compute = np.array(
            [
                first_log_flops(own_flops, losses, level) - first_log_flops(other_flops, others, level)
                for losses, others, level in zip(own, reference, levels, strict=True)
            ]
        )
        ends = [[values[0], *find_bounds(values[1:])] for values in (gaps, compute)]
        assert found == pytest.approx([*np.exp([equal_flops, levels[0]]), *np.exp(ends).flat], rel=1e-5)


def test_models_whose_compute_does_not_overlap_are_not_compared_at_equal_compute(built):
    rows = built.rows(
        "select perplexity_at_equal_flops, reference_perplexity_at_equal_flops, perplexity_ratio,"
        " perplexity_ratio_lower, perplexity_ratio_upper from fct_model_comparison"
        " where corpus_id = 'essays' and model_id = 'opt/175b'"
    )
    ((own, reference, *ratio),) = rows
    assert own is None
    assert reference > 1
    assert ratio == [None, None, None]


def first_log_flops(log_flops: list[float], losses: np.ndarray, level: float) -> float:
    """Return where a line between the checkpoints first falls to the level."""
    assert losses[0] > level, "the first checkpoint would have to be extrapolated"
    after = next(index for index, loss in enumerate(losses) if loss <= level)
    if losses[after] == level:
        return log_flops[after]
    weight = (losses[after - 1] - level) / (losses[after - 1] - losses[after])
    return log_flops[after - 1] + weight * (log_flops[after] - log_flops[after - 1])


def test_the_curve_on_every_axis_has_the_interval_of_its_checkpoints(built):
    rows = built.rows(
        "select perplexity, perplexity_lower, perplexity_upper from fct_validation_perplexity_by_axis"
        " where corpus_id = 'essays' and axis = 'tokens seen' and is_measured order by perplexity"
    )
    assert rows == built.rows(
        "select perplexity, perplexity_lower, perplexity_upper from fct_validation_perplexity_by_checkpoint"
        " where corpus_id = 'essays' order by perplexity"
    )
