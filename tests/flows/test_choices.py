"""Scoring by the command: with a chosen weight type and compiled models, and with a tokenizer that is not fast."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, ByT5Tokenizer, GPTNeoXConfig

TEXT = "the cat sat on the mat, naïve: 東京 🙂\n"


@pytest.fixture
def corpus(trailhouse, tmp_path) -> str:
    (tmp_path / "a.txt").write_text(TEXT)
    assert trailhouse("corpus", "add", "a.txt", "--name", "few")[0] == 0
    return "few"


@pytest.fixture
def one_compiler(monkeypatch):
    """Make torch.compile work in this process. By default it starts a pool of processes that outlives the test."""
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of torch.compile
def test_compiled_models_and_bfloat16_weights_score_and_are_recorded_with_the_scores(
    trailhouse, make_tiny_suite, corpus, client, one_compiler
):
    suite = make_tiny_suite("chosen", [10])
    read = "select log_prob_nats from raw_token_score where model_id = 'chosen/tiny' order by position"
    assert trailhouse("score", str(suite.declaration), "--corpus", corpus)[0] == 0
    exact = np.array(client.query(read).result_rows)
    arguments = ("score", str(suite.declaration), "--corpus", corpus, "--dtype", "bfloat16", "--compile", "--json")
    code, out, err = trailhouse(*arguments)
    assert code == 0, err
    assert json.loads(out)["scored_count"] == 1
    rough = np.array(client.query(read).result_rows)
    assert 0 < np.abs(rough - exact).max() < 0.3
    ((settings,),) = client.query("select settings from raw_score_ledger final where is_complete").result_rows
    assert {"dtype": "bfloat16", "is_compiled": True}.items() <= json.loads(settings).items()
    runs = client.query("select dtype from raw_scoring_run final order by started_at").result_rows
    assert runs == [("float32",), ("bfloat16",)]
    assert json.loads(trailhouse(*arguments)[1])["already_scored_count"] == 1


@torch.no_grad()
def test_a_tokenizer_without_a_fast_variant_is_scored_and_its_tokens_are_found_in_the_text(
    trailhouse, make_tiny_suite, corpus, client
):
    suite = make_tiny_suite("bytes", [10])
    for file in suite.step(10).glob("token*"):
        file.unlink()
    tokenizer = ByT5Tokenizer()
    assert not tokenizer.is_fast
    tokenizer.save_pretrained(suite.step(10))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        GPTNeoXConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=128,
        )
    ).eval()
    model.save_pretrained(suite.step(10))
    code, _, err = trailhouse("score", str(suite.declaration), "--corpus", corpus, "--context-length", "128")
    assert code == 0, err
    tokens = client.query("select token_id, byte_start, byte_end from raw_token order by position").result_rows
    token_ids = torch.tensor([[token_id for token_id, _, _ in tokens]])
    assert token_ids.tolist() == [tokenizer(TEXT, add_special_tokens=False)["input_ids"]]
    assert [(start, end) for _, start, end in tokens] == [(place, place + 1) for place in range(len(TEXT.encode()))]
    distributions = model(token_ids).logits[0, :-1].log_softmax(-1)
    expected = distributions.gather(1, token_ids[0, 1:, None])[:, 0]
    scores = client.query("select log_prob_nats from raw_token_score order by position").result_rows
    np.testing.assert_allclose(np.array(scores)[:, 0], expected.numpy(), atol=1e-4)
