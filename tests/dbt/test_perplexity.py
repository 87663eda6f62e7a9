"""Perplexity, bits per byte and training compute, compared with plain Python."""

import math

import pytest

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


def log_prob(model_id: str, document_id: int, position: int, step: int) -> float:
    """Return a synthetic score that a float32 holds exactly."""
    return -(1 + len(model_id) % 3 + document_id / 4 + position / 64 + (1000 - step) / 256)


@pytest.fixture(scope="module")
def built(warehouse):
    """Three models on a corpus whose first document begins with a prompt; the last model lacks step 500."""
    warehouse.add_corpus("books", {0: 9, 1: 5}, token_bytes=3, prompt=PROMPT_LENGTH)
    tokens = [(0, position) for position in range(1, 9)] + [(1, position) for position in range(1, 5)]
    for model_id, columns in MODELS.items():
        warehouse.add_model(model_id, STEPS, planned_steps=2000, **columns)
        steps = STEPS if model_id != "mamba/130m" else [0, 1000]
        warehouse.score(
            model_id,
            "books",
            {token: {step: log_prob(model_id, *token, step) for step in steps} for token in tokens},
        )
    selection = ["+fct_validation_perplexity_by_checkpoint", "+dim_corpus"]
    warehouse.dbt("build", "--exclude", "test_type:unit", "--indirect-selection", "buildable", "--select", *selection)
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
        " from fct_validation_perplexity_by_checkpoint"
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
        assert bits_per_byte == pytest.approx(-math.fsum(scores) / math.log(2) / (3 * len(counted)), rel=1e-14)


def test_every_perplexity_carries_the_axes_of_its_checkpoint(built):
    rows = built.rows(
        "select tokens_seen, fraction_of_training, train_flops_6n, train_flops_palm, checkpoint_id"
        " from fct_validation_perplexity_by_checkpoint order by checkpoint_id"
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
