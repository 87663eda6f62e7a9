"""Which tokens a model reads before each token of a document longer than its context, through the real command."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.warehouse.connection import as_text
from trailhouse.warehouse.loading.score_ledger import ScoredPartition

TEXT = "the cat sat on the mat and the parser reads the file " * 5


@pytest.fixture
def suite(make_tiny_suite, trailhouse, tmp_path):
    """A tiny model that reads 32 tokens, and a text that is longer."""
    (tmp_path / "long.txt").write_text(TEXT)
    assert trailhouse("corpus", "add", "long.txt", "--name", "long")[0] == 0
    return make_tiny_suite("contexts", [30])


def score_by_hand(directory, context_length: int, stride: int) -> list[float]:
    """Return each token's log-probability, from a forward pass over the tokens that its window holds before it."""
    token_ids = AutoTokenizer.from_pretrained(directory)(TEXT, add_special_tokens=False)["input_ids"]
    assert len(token_ids) > context_length + stride
    model = AutoModelForCausalLM.from_pretrained(directory)
    expected = []
    for position in range(1, len(token_ids)):
        further_windows = max(0, -(-(position - context_length) // stride))
        context = torch.tensor([token_ids[further_windows * stride : position]])
        with torch.inference_mode():
            logits = model(input_ids=context).logits[0, -1].double()
        expected.append(logits.log_softmax(-1)[token_ids[position]].item())
    return expected


def read_scores(client) -> list[float]:
    rows = client.query("select log_prob_nats from raw_token_score order by position").result_rows
    return [score for (score,) in rows]


def read_window(client) -> tuple[int, int]:
    ((settings,),) = client.query("select settings from raw_score_ledger final where is_complete").result_rows
    recorded = json.loads(settings)
    return recorded["context_length"], recorded["stride"]


def score(trailhouse, suite, *flags: str) -> int:
    code, out, err = trailhouse("score", str(suite.declaration), "--corpus", "long", "--json", *flags)
    assert code == 0, err
    return json.loads(out)["scored_count"]


def test_the_context_and_the_stride_that_are_asked_for_decide_the_scores_and_are_recorded(suite, trailhouse, client):
    assert score(trailhouse, suite) == 1
    assert read_window(client) == (32, 16)
    assert read_scores(client) == pytest.approx(score_by_hand(suite.step(30), 32, 16), abs=2e-4)
    assert score(trailhouse, suite, "--context-length", "8", "--stride", "3") == 1
    assert read_window(client) == (8, 3)
    assert read_scores(client) == pytest.approx(score_by_hand(suite.step(30), 8, 3), abs=2e-4)


def test_a_model_is_read_no_further_than_it_was_trained_and_its_own_limit_keeps_the_keys(suite, trailhouse, client):
    assert score(trailhouse, suite) == 1
    query = "select weights_sha256, corpus_sha256, tokenizer_id, settings, score_key from raw_score_ledger final"
    ((weights, corpus, tokenizer, settings, key),) = client.query(query).result_rows
    unchosen = {**ScoringSettings().as_record(), "config_sha256": json.loads(settings)["config_sha256"]}
    assert (unchosen["context_length"], unchosen["stride"]) == (None, None)
    weights, corpus, tokenizer, key = (as_text(value) for value in (weights, corpus, tokenizer, key))
    assert ScoredPartition("m", "c", 0, weights, corpus, tokenizer, unchosen).score_key == key
    assert score(trailhouse, suite, "--context-length", "32", "--stride", "16") == 0
    declaration = suite.declaration.read_text()
    suite.declaration.write_text(declaration.replace("context_length: 32", "context_length: 16"))
    assert score(trailhouse, suite) == 1
    assert read_window(client) == (16, 8)
    assert read_scores(client) == pytest.approx(score_by_hand(suite.step(30), 16, 8), abs=2e-4)


def test_a_window_that_cannot_be_is_refused_before_anything_is_scored(suite, trailhouse, client):
    refusals = {
        ("--context-length", "33"): "the model has 32 positions",
        ("--context-length", "0"): "context_length",
        ("--stride", "33"): "stride 33 is larger than the context of 32",
    }
    for flags, named in refusals.items():
        code, out, err = trailhouse("score", str(suite.declaration), "--corpus", "long", *flags)
        assert (code, out) == (2, "")
        assert named in err
    assert client.query("select count() from raw_score_ledger").result_rows == [(0,)]
