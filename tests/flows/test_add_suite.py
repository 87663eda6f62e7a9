"""A folder of checkpoints becomes a suite by the real command, which needs no declaration."""

from __future__ import annotations

import json
import shutil

import pytest
from transformers import AutoModelForCausalLM

from tests.support.nudged_weights import nudge_weights
from tests.support.trainer_runs import BATCH_TOKENS, CONTEXT_LENGTH, train

GIVEN = ("--batch-tokens", "512", "--planned-steps", "1000")


@pytest.fixture
def plain(tiny_template, tmp_path):
    """Two models in folders of their own, each with plain folders of steps."""
    for model in ("small", "large"):
        for step in (0, 100):
            shutil.copytree(tiny_template, tmp_path / "runs" / model / f"step{step}")
            nudge_weights(tmp_path / "runs" / model / f"step{step}", (step + 1) * 1e-2)
    return tmp_path / "runs"


def test_a_run_of_the_trainer_needs_nothing_but_its_folder(tiny_template, trailhouse, client, tmp_path):
    train(AutoModelForCausalLM.from_pretrained(tiny_template), tmp_path / "june", seed=7)
    for path in tiny_template.glob("token*"):
        shutil.copy(path, tmp_path / "june")
    (tmp_path / "a.txt").write_text("the cat sat on the mat")
    assert trailhouse("corpus", "add", "a.txt", "--name", "text")[0] == 0
    code, out, err = trailhouse("suite", "add", "june", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["models"] == [
        {
            "model": "june",
            "checkpoints": 2,
            "first_step": 2,
            "last_step": 4,
            "step_pattern": r"checkpoint-(\d+)",
            "batch_tokens": BATCH_TOKENS,
            "planned_steps": 4,
            "context_length": CONTEXT_LENGTH,
            "seed": 7,
        }
    ]
    text = (tmp_path / found["file"]).read_text()
    for comment in (
        f"batch_tokens: {BATCH_TOKENS}  # computed from total_flos in trainer_state.json of checkpoint-4",
        "planned_steps: 4  # max_steps in trainer_state.json of checkpoint-4",
        "seed: 7  # from checkpoint-4/training_args.bin",
    ):
        assert comment in text
    code, out, err = trailhouse("score", found["suite"], "--corpus", "text", "--json")
    assert code == 0, err
    assert json.loads(out)["scored_count"] == 2
    assert client.query("select batch_tokens, planned_steps, seed from raw_model").result_rows == [(BATCH_TOKENS, 4, 7)]


def test_a_folder_of_models_is_shown_and_added_once(plain, trailhouse, tmp_path):
    code, out, err = trailhouse("suite", "add", "runs", "--name", "ours", *GIVEN)
    assert code == 0, err
    assert all(text in out for text in ("small", "large", r"step(\d+)"))
    assert err.splitlines() == [
        "suite ours with 2 models is in suites/ours.yaml; its comments say where values come from",
        "next: trailhouse score ours --corpus CORPUS",
    ]
    shown = json.loads(trailhouse("suite", "show", "ours", "--json")[1])
    assert [(model["model"], model["location"]) for model in shown["models"]] == [
        ("large", str(plain / "large")),
        ("small", str(plain / "small")),
    ]
    assert "was already in" in trailhouse("suite", "add", "runs", "--name", "ours", *GIVEN)[2]
    before = (tmp_path / "suites" / "ours.yaml").read_text()
    code, _, err = trailhouse("suite", "add", "runs/small", "--name", "ours", *GIVEN)
    assert (code, (tmp_path / "suites" / "ours.yaml").read_text()) == (2, before)
    assert "declares other models" in err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message", "hint"),
    [
        (("runs",), 2, "no file states batch_tokens (tokens per step) and planned_steps", "add --batch-tokens N"),
        (("runs", *GIVEN[:2]), 2, "no file states planned_steps; found: 4 checkpoints, the last of step 100", "add"),
        (("runs", *GIVEN[:2], "--planned-steps", "99"), 2, "a checkpoint of step 100, and the planned", "at least 100"),
        (("runs", *GIVEN, "--name", "pythia"), 2, "there is a suite called 'pythia' already", "--name"),
        (("runs/small/step0", *GIVEN), 3, "is a single model, without checkpoints", "parent folder"),
        (("empty", *GIVEN), 3, "expected are folders such as checkpoint-1000", "docs/reference/suites.md"),
        (("suite.yaml", *GIVEN), 2, "suite.yaml declares the suite, and an option is given too", "into the file"),
        (("nowhere",), 2, "does not exist", "--help"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, exit_code, message, hint, plain, trailhouse, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "suite.yaml").touch()
    code, out, err = trailhouse("suite", "add", *arguments)
    first, second = err.splitlines()
    assert (code, out) == (exit_code, "")
    assert message in first
    assert hint in second
    assert not (tmp_path / "suites").exists()
