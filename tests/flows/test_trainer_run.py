"""A run of the Hugging Face Trainer is scored by the real command, with no more than its path."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.trainer_runs import BATCH_TOKENS, CONTEXT_LENGTH, train
from trailhouse.models.miniature.vocabulary import train_tokenizer

TEXT = "the cat sat on the mat and the parser reads the file"


@pytest.fixture(scope="module")
def trained(tiny_template, tmp_path_factory):
    """A run whose tokenizer lies at its root only."""
    directory = tmp_path_factory.mktemp("trainer") / "june"
    train(AutoModelForCausalLM.from_pretrained(tiny_template), directory)
    for path in tiny_template.glob("token*"):
        shutil.copy(path, directory)
    return directory


@pytest.fixture
def text(trailhouse, tmp_path) -> str:
    (tmp_path / "a.txt").write_text(TEXT)
    assert trailhouse("corpus", "add", "a.txt", "--name", "text")[0] == 0
    return "text"


def score_by_hand(directory, token_ids) -> list[float]:
    model = AutoModelForCausalLM.from_pretrained(directory)
    with torch.inference_mode():
        log_probs = model(torch.tensor([token_ids])).logits[0].double().log_softmax(-1)
    return [log_probs[position - 1, token_ids[position]].item() for position in range(1, len(token_ids))]


def test_a_run_is_scored_by_its_path_alone(trained, text, trailhouse, client):
    code, out, err = trailhouse("score", str(trained), "--corpus", text, "--json")
    assert code == 0, err
    assert json.loads(out)["scored_count"] == 2
    assert err.splitlines()[0] == (
        f"{trained} is read as a run of the Trainer: batch_tokens {BATCH_TOKENS}, planned_steps 4, context_length"
        f" {CONTEXT_LENGTH}; if one of them is wrong, declare a suite"
    )
    token_ids = train_tokenizer([TEXT])(TEXT, add_special_tokens=False)["input_ids"]
    for step in (2, 4):
        condition = f"model_id = 'june/june' and step = {step}"
        rows = client.query(
            f"select log_prob_nats from raw_token_score where {condition} order by position"
        ).result_rows
        expected = score_by_hand(trained / f"checkpoint-{step}", token_ids)
        assert [score for (score,) in rows] == pytest.approx(expected, abs=2e-4)
    assert client.query("select step, tokens_seen from raw_checkpoint order by step").result_rows == [
        (2, 2 * BATCH_TOKENS),
        (4, 4 * BATCH_TOKENS),
    ]
    assert json.loads(trailhouse("score", str(trained), "--corpus", text, "--json")[1])["already_scored_count"] == 2


def test_a_run_is_evaluated_and_audited_by_its_path_alone(trained, trailhouse, client, tmp_path):
    (tmp_path / "own.jsonl").write_text('{"input": "the cat", "options": [" sat", " reads"], "answer": 0}\n')
    code, out, err = trailhouse("evaluate", str(trained), "--tasks", "own.jsonl", "--shots", "0", "--json")
    assert code == 0, err
    assert json.loads(out)["evaluated_count"] == 2
    rows = client.query("select model_id, step, count() from raw_option_score group by all order by all").result_rows
    assert rows == [("june/june", 2, 2), ("june/june", 4, 2)]
    code, out, err = trailhouse("audit", str(trained), "--json")
    assert code == 0, err
    assert json.loads(out) == {"suite": "june", "checkpoints": 2, "wrong": 0, "findings": []}


def test_another_run_of_the_same_name_is_refused(trained, text, trailhouse, client, tmp_path):
    assert trailhouse("score", str(trained), "--corpus", text)[0] == 0
    shutil.copytree(trained, tmp_path / "june")
    for command in (("score", str(tmp_path / "june"), "--corpus", text), ("audit", str(tmp_path / "june"))):
        code, _, err = trailhouse(*command)
        assert code == 3
        assert f"error: {tmp_path / 'june'}: the warehouse holds another suite called 'june'" in err
    assert client.query("select count() from raw_audit_run").result_rows == [(0,)]
    assert client.query("select count() from raw_suite final").result_rows == [(1,)]


def test_a_run_with_the_name_of_a_declared_suite_is_refused(trained, text, trailhouse, tmp_path):
    shutil.copytree(trained, tmp_path / "runs" / "pythia")
    code, _, err = trailhouse("score", "runs/pythia", "--corpus", text)
    assert code == 2
    assert "another suite is called 'pythia' already" in err


def test_a_directory_that_is_no_run_is_one_line_with_its_hint(text, trailhouse, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = trailhouse("score", "empty", "--corpus", text)
    assert (code, out) == (3, "")
    error, hint = err.strip().splitlines()
    assert error.startswith(f"error: {tmp_path / 'empty'}: is no run of the Hugging Face Trainer")
    assert "declare the run in a suite" in hint
