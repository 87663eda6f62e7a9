"""A passage read from the marts for models of two tokenizers and two suites: what was scored comes back, in place."""

import numpy as np
import pytest

from trailhouse.dashboards.passages.passage_history import describe_series
from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.read_passage import read_passage

STEPS = [0, 10, 20, 40, 80]
WORDS = {"tok": ["The", " cat", " sat", "!"], "bytes": ["Th", "e c", "at", " s", "at", "!"]}
MODELS = {"s/small": "tok", "s/large": "tok", "s/other": "bytes", "t/later": "tok"}
NAME = "a\u202e<b>"


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    """Log-probabilities of every model, of shape (positions after the first, steps). The last of small has a gap."""
    generator = np.random.default_rng(5)
    found = {
        model_id: -generator.exponential(2, (len(WORDS[tokenizer_id]) - 1, len(STEPS))).astype(np.float32)
        for model_id, tokenizer_id in MODELS.items()
    }
    found["s/small"][-1, 2] = np.nan
    return found


@pytest.fixture(scope="module")
def built(warehouse, scores):
    warehouse.insert("raw_corpus", corpus_id="books", document_count=1)
    warehouse.insert("raw_document", corpus_id="books", document_id=0, document_name=NAME, kind="human")
    for tokenizer_id, words in WORDS.items():
        ends = np.cumsum([len(word) for word in words]).tolist()
        rows = [
            [tokenizer_id, "books", 0, position, word, start, end]
            for position, (word, start, end) in enumerate(zip(words, [0, *ends], ends, strict=False))
        ]
        columns = ["tokenizer_id", "corpus_id", "document_id", "position", "token_text", "byte_start", "byte_end"]
        warehouse.client.insert("raw_token", rows, column_names=columns)
    for size, (model_id, tokenizer_id) in enumerate(MODELS.items()):
        warehouse.add_model(model_id, STEPS, planned_steps=STEPS[-1], parameter_count=1000 - size)
        series = {
            (0, position + 1): {
                step: float(value) for step, value in zip(STEPS, values, strict=True) if not np.isnan(value)
            }
            for position, values in enumerate(scores[model_id])
        }
        warehouse.score(model_id, "books", series, tokenizer_id=tokenizer_id)
    wanted = ("fct_passage_token", "fct_passage_series", "fct_validation_perplexity_by_checkpoint", "dim_document")
    wanted += ("dim_published_model", "dim_phase_model", "dim_checkpoint")  # by which colours are assigned
    warehouse.build(*(f"+{name}" for name in wanted))
    return warehouse


def test_every_model_of_the_suite_is_read_with_its_own_tokens_and_scores(built, scores):
    history = read_passage(built.client, "0", "s/small", 0)
    assert [reading.passage.model_id for reading in history.readings] == ["s/other", "s/large", "s/small"]
    assert history.passage.model_id == "s/small"
    for reading in history.readings:
        tokenizer_id = MODELS[reading.passage.model_id]
        assert reading.tokenizer_id == tokenizer_id
        assert [token.text for token in reading.passage.tokens] == WORDS[tokenizer_id]
        spans = [(token.byte_start, token.byte_end) for token in reading.passage.tokens]
        text = "".join(WORDS[tokenizer_id])
        assert [text[start:end] for start, end in spans] == WORDS[tokenizer_id]
        assert np.isnan(reading.log_probs_nats[0]).all()
        np.testing.assert_array_equal(reading.log_probs_nats[1:], scores[reading.passage.model_id])


def test_a_checkpoint_has_its_tokens_seen_perplexity_and_bits_per_byte(built, scores):
    (reading,) = (
        found for found in read_passage(built.client, "0", "s/other", 0).readings if found.passage.model_id == "s/other"
    )
    sizes = [len(word) for word in WORDS["bytes"]][1:]
    for column, checkpoint in enumerate(reading.checkpoints):
        total = scores["s/other"][:, column].sum(dtype=float)
        assert (checkpoint.step, checkpoint.tokens_seen) == (STEPS[column], STEPS[column] * 1024)
        assert checkpoint.perplexity == pytest.approx(np.exp(-total / len(sizes)), rel=1e-5)
        assert checkpoint.bits_per_byte == pytest.approx(-total / np.log(2) / sum(sizes), rel=1e-5)


def test_another_suite_is_read_beside(built):
    history = read_passage(built.client, "0", "s/small", 0, against=["t"])
    assert [reading.passage.model_id for reading in history.readings] == ["s/other", "s/large", "s/small", "t/later"]
    assert len({reading.color for reading in history.readings[:3]}) == 3


def test_a_document_is_found_by_its_name_although_the_name_hides_a_character(built):
    passage = read_passage(built.client, NAME, "s/small", 0).passage
    assert (passage.document_id, passage.document_name) == (0, "a\\u{202e}<b>")


def test_the_series_as_json_has_null_where_a_score_is_missing(built):
    written = describe_series(read_passage(built.client, "0", "s/small", 0))
    (small,) = (model for model in written["models"] if model["model_id"] == "s/small")
    assert small["tokens"][0]["log_probs_nats"] == [None] * len(STEPS)
    assert [value is None for value in small["tokens"][-1]["log_probs_nats"]] == [step == 20 for step in STEPS]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"against": ["nothing"]}, BadInputError, "no model of suite nothing has trends on corpus books"),
        ({"model": "nobody"}, BadInputError, "know no model"),
        ({"convention": "guess"}, UsageError, "no convention"),
        ({"start_percent": 15}, BadInputError, "model s/small has no trends on corpus books after 15% of training"),
    ],
)
def test_what_is_not_there_is_named(built, arguments, error, message):
    given = {"document": "0", "model": "s/small", "start_percent": 0} | arguments
    with pytest.raises(error, match=message):
        read_passage(built.client, **given)
