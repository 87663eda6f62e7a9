"""The beginning of a text through the real commands: scores, options, keys and what the ledgers record."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.warehouse.connection import as_text
from trailhouse.warehouse.loading.score_ledger import ScoredPartition

TEXT = "the cat sat on the mat and the parser reads the file " * 5
TOKEN = "<|endoftext|>"
LEDGER = (
    "select text_beginning_kind, text_beginning_token_ids, text_beginning_text, score_key, score_count, settings"
    " from raw_score_ledger final where is_complete"
)


@pytest.fixture
def suite(make_tiny_suite, trailhouse, tmp_path):
    """A tiny model that reads 32 tokens, whose tokenizer puts a token before every text and another after it."""
    (tmp_path / "texts.txt").write_text(TEXT)
    assert trailhouse("corpus", "add", "texts.txt", "--name", "texts")[0] == 0
    suite = make_tiny_suite("begun", [30])
    file = suite.step(30) / "tokenizer.json"
    content = json.loads(file.read_text())
    token_id = {token["content"]: token["id"] for token in content["added_tokens"]}[TOKEN]
    special = {"SpecialToken": {"id": TOKEN, "type_id": 0}}
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [special, {"Sequence": {"id": "A", "type_id": 0}}, special],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {TOKEN: {"id": TOKEN, "ids": [token_id], "tokens": [TOKEN]}},
    }
    file.write_text(json.dumps(content))
    return suite


def declare(suite, text_beginning: str) -> None:
    """Write what stands before every text into the declaration of a suite."""
    lines = [line for line in suite.declaration.read_text().splitlines() if "text_beginning" not in line]
    lines.insert(lines.index("shared:") + 1, f"  text_beginning: {text_beginning}")
    suite.declaration.write_text("\n".join(lines) + "\n")


def score_by_hand(directory, beginning: list[int]) -> list[float]:
    """Each token from a pass of its own over the beginning and what its window of 32 tokens holds to the left of it."""
    token_ids = AutoTokenizer.from_pretrained(directory)(TEXT, add_special_tokens=False)["input_ids"]
    model, place_count = AutoModelForCausalLM.from_pretrained(directory), 32 - len(beginning)
    expected = []
    for position in range(0 if beginning else 1, len(token_ids)):
        further_windows = max(0, -(-(position - place_count) // 16))
        read = torch.tensor([beginning + token_ids[further_windows * 16 : position]])
        with torch.inference_mode():
            logits = model(input_ids=read).logits[0, -1].double()
        expected.append(logits.log_softmax(-1)[token_ids[position]].item())
    return expected


def score(trailhouse, suite) -> int:
    code, out, err = trailhouse("score", str(suite.declaration), "--corpus", "texts", "--json")
    assert code == 0, err
    return json.loads(out)["scored_count"]


def read_scores(client) -> tuple[list[int], list[float]]:
    rows = client.query("select position, log_prob_nats from raw_token_score order by position").result_rows
    return [position for position, _ in rows], [value for _, value in rows]


def test_every_token_is_scored_after_what_the_tokenizer_puts_before_a_text(suite, trailhouse, client):
    assert score(trailhouse, suite) == 1
    expected = score_by_hand(suite.step(30), [0])
    assert len(expected) > 32 + 16
    positions, scores = read_scores(client)
    assert positions == list(range(len(expected)))
    assert scores == pytest.approx(expected, abs=2e-4)
    ((kind, token_ids, text, _, score_count, settings),) = client.query(LEDGER).result_rows
    assert (kind, list(token_ids), text, score_count) == ("tokenizer", [0], TOKEN, len(expected))
    assert json.loads(settings)["text_beginning_token_ids"] == [0]
    assert score(trailhouse, suite) == 0
    declare(suite, "bos")  # the same token has the same key
    assert score(trailhouse, suite) == 0


def test_scores_without_a_beginning_keep_the_keys_that_they_always_had(suite, trailhouse, client):
    declare(suite, "none")
    assert score(trailhouse, suite) == 1
    assert read_scores(client)[1] == pytest.approx(score_by_hand(suite.step(30), []), abs=2e-4)
    ((kind, token_ids, text, key, _, settings),) = client.query(LEDGER).result_rows
    assert (kind, list(token_ids), text) == ("none", [], "")
    identity = "select weights_sha256, corpus_sha256, tokenizer_id from raw_score_ledger final"
    weights, corpus, tokenizer = (as_text(value) for value in client.query(identity).result_rows[0])
    always = {
        **{"scoring_method": 1, "dtype": "float32", "context_length": None, "stride": None, "quanta_per_nat": 10_000},
        **{"with_entropy": False, "with_target_rank": False, "config_sha256": json.loads(settings)["config_sha256"]},
    }
    assert {**ScoringSettings().as_record(), "config_sha256": always["config_sha256"]} == always
    assert ScoredPartition("m", "c", 0, weights, corpus, tokenizer, always).score_key == as_text(key)
    declare(suite, "tokenizer")
    assert score(trailhouse, suite) == 1
    assert client.query(LEDGER).result_rows[0][:3] == ("tokenizer", [0], TOKEN)


def test_a_token_that_the_tokenizer_lacks_is_refused_before_anything_is_scored(suite, trailhouse, client):
    file = suite.step(30) / "tokenizer_config.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in content.items() if name != "bos_token"}))
    declare(suite, "bos")
    for command in (("score", "--corpus", "texts"), ("evaluate", "--tasks", "miniature")):
        code, out, err = trailhouse(command[0], str(suite.declaration), *command[1:])
        assert (code, out) == (3, "")
        assert f"begun/tiny: {suite.step(30)}: the suite's text_beginning is bos, and the tokenizer" in err
    assert client.query("select count() from raw_score_ledger").result_rows == [(0,)]


def write_task(tmp_path) -> None:
    item = {"input": "the cat sat on the mat and the cat sat on the", "options": ["mat", "file"], "answer": 0}
    (tmp_path / "own.jsonl").write_text(json.dumps(item) + "\n")


def evaluate(trailhouse, suite, *flags: str) -> int:
    arguments = ("--tasks", "own.jsonl", "--shots", "0", "--json", *flags)
    code, out, err = trailhouse("evaluate", str(suite.declaration), *arguments)
    assert code == 0, err
    return json.loads(out)["evaluated_count"]


def read_evaluation(client) -> tuple[int | None, list[int], int, int]:
    """Return the context length in the key, the beginning, and how many tokens the prompt has and has lost."""
    query = "select settings, text_beginning_token_ids from raw_evaluation_ledger final where is_complete"
    ((settings, token_ids),) = client.query(query).result_rows
    counts = "select any(prompt_token_count), any(truncated_token_count) from raw_option_score"
    return json.loads(settings)["context_length"], list(token_ids), *client.query(counts).result_rows[0]


def test_an_evaluation_reads_as_far_as_the_suite_and_the_command_say(suite, trailhouse, client, tmp_path):
    """The model's own limit of 32 tokens is not part of the key, so older keys stay valid."""
    write_task(tmp_path)
    declare(suite, "none")
    assert evaluate(trailhouse, suite) == 1
    context_length, token_ids, prompt_count, truncated_count = read_evaluation(client)
    assert (context_length, token_ids, truncated_count) == (None, [], 0)
    assert evaluate(trailhouse, suite, "--context-length", "32") == 0
    assert evaluate(trailhouse, suite, "--context-length", "8") == 1
    shorter = read_evaluation(client)
    assert shorter[0] == 8
    assert shorter[2] + shorter[3] == prompt_count
    assert shorter[3] > 0
    suite.declaration.write_text(suite.declaration.read_text().replace("context_length: 32", "context_length: 8"))
    assert evaluate(trailhouse, suite) == 0
    arguments = ("--tasks", "own.jsonl", "--shots", "0", "--context-length", "33")
    code, out, err = trailhouse("evaluate", str(suite.declaration), *arguments)
    assert (code, out) == (2, "")
    assert "the model has 32 positions" in err


def test_the_beginning_stands_before_every_prompt_and_is_recorded(suite, trailhouse, client, tmp_path):
    write_task(tmp_path)
    declare(suite, "none")
    assert evaluate(trailhouse, suite) == 1
    _, _, plain_count, _ = read_evaluation(client)
    declare(suite, "tokenizer")
    assert evaluate(trailhouse, suite) == 1
    assert read_evaluation(client) == (None, [0], plain_count + 1, 0)
    assert evaluate(trailhouse, suite) == 0
