"""The audit through the command: what is missing, damaged, doubled or changed is named, and nothing else."""

import hashlib
import json
import os
import shutil
import time

import pytest
from safetensors.numpy import load_file, save_file

from trailhouse.models.texts.tokenizer import identify_tokenizer_of


@pytest.fixture
def audit(trailhouse):
    """Audit a suite; returns (exit code, the findings as {(step, check): (status, message)}, stderr)."""

    def run(declaration, *arguments: str) -> tuple[int, dict[tuple[int, str], tuple[str, str]], str]:
        code, out, err = trailhouse("audit", str(declaration), "--json", *arguments)
        noted = json.loads(out)["findings"] if out else []
        return code, {(f["step"], f["check_name"]): (f["status"], f["message"]) for f in noted}, err

    return run


def age(directory, seconds: float = 3600) -> None:
    """Make everything below a directory look as if it had been written long ago."""
    for path in [directory, *directory.rglob("*")]:
        os.utime(path, (time.time() - seconds,) * 2)


def plant_nan(directory) -> None:
    tensors = load_file(directory / "model.safetensors")
    name = max(tensors)
    tensors[name] = tensors[name].copy()
    tensors[name].flat[-1] = float("nan")
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def shard(directory) -> None:
    """Split the weights into two shards with an index."""
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    weight_map = {}
    for number, names in ((1, sorted(tensors)[::2]), (2, sorted(tensors)[1::2])):
        name = f"model-{number:05d}-of-00002.safetensors"
        save_file({one: tensors[one] for one in names}, directory / name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, name)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def truncate(path) -> None:
    path.write_bytes(path.read_bytes()[:-64])


def test_a_planted_duplicate_gap_nan_and_truncated_shard_are_all_named(audit, make_tiny_suite, client):
    suite = make_tiny_suite("planted", [0, 10, 20, 30, 40, 50])
    shutil.rmtree(suite.step(20))
    shutil.rmtree(suite.step(30))
    shutil.copytree(suite.step(10), suite.step(30))
    plant_nan(suite.step(40))
    shard(suite.step(50))
    truncate(suite.step(50) / "model-00002-of-00002.safetensors")
    age(suite.directory)
    code, noted, err = audit(suite.declaration)
    assert code == 4
    assert set(noted) == {(10, "duplicate"), (20, "presence"), (30, "duplicate"), (40, "values"), (50, "completeness")}
    assert noted[30, "duplicate"] == ("wrong", "has the same weights as step 10")
    assert "embed" in noted[40, "values"][1] or "tensor" in noted[40, "values"][1]
    assert "model-00002-of-00002.safetensors: no complete safetensors file" in noted[50, "completeness"][1]
    assert "5 checkpoints of planted audited, 5 with something wrong" in err
    stored = client.query(
        "select step, check_name from raw_checkpoint_audit where status = 'wrong' order by all"
    ).result_rows
    assert stored == sorted(noted)
    assert client.query("select checkpoint_count, wrong_count from raw_audit_run").result_rows == [(5, 5)]


def test_a_suite_without_faults_passes(audit, make_tiny_suite):
    suite = make_tiny_suite("sound", [0, 10])
    shard(suite.step(10))
    age(suite.directory)
    assert audit(suite.declaration)[:2] == (0, {})


def test_a_step_that_is_not_reached_yet_is_no_gap(audit, make_tiny_suite):
    suite = make_tiny_suite("running", [0, 10, 20])
    shutil.rmtree(suite.step(20))
    assert audit(suite.declaration)[:2] == (0, {})


def test_values_are_skipped_on_request(audit, make_tiny_suite):
    suite = make_tiny_suite("skipped", [0, 10])
    plant_nan(suite.step(10))
    assert audit(suite.declaration, "--skip-values")[0] == 0
    assert set(audit(suite.declaration)[1]) == {(10, "values")}


def test_what_the_declaration_knows_of_is_noted_and_is_not_wrong(audit, make_tiny_suite, trailhouse):
    suite = make_tiny_suite("forgiven", [0, 1, 10, 20])
    shutil.rmtree(suite.step(1))
    shutil.copytree(suite.step(0), suite.step(1))
    shutil.rmtree(suite.step(10))
    damage = "  known_damage:\n    - {steps: [0, 1], problem: never differed}\n    - {steps: [10], problem: lost}\n"
    suite.declaration.write_text(suite.declaration.read_text().replace("models:", damage + "models:"))
    code, noted, _ = audit(suite.declaration)
    assert code == 0
    assert noted[1, "duplicate"] == ("known", "has the same weights as step 0 (never differed)")
    assert noted[10, "presence"][0] == "known"
    assert {status for status, _ in noted.values()} == {"known"}


def test_files_of_another_run_and_unfinished_ones_are_named(audit, make_tiny_suite):
    suite = make_tiny_suite("mixed", [0, 10, 20, 30, 40, 50, 60])
    for step in (10, 20, 60):
        nudge_everything(suite.step(step), step)
        shard(suite.step(step))
    shutil.copy(suite.step(60) / "model-00001-of-00002.safetensors", suite.step(10))
    config = json.loads((suite.step(30) / "config.json").read_text())
    (suite.step(30) / "config.json").write_text(json.dumps(config | {"vocab_size": 7}))
    tensors = load_file(suite.step(40) / "model.safetensors")
    tensors["intruder"] = next(iter(tensors.values()))
    save_file(tensors, suite.step(40) / "model.safetensors", metadata={"format": "pt"})
    tokenizer = json.loads((suite.step(0) / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:-1]
    (suite.step(0) / "tokenizer.json").write_text(json.dumps(tokenizer))
    age(suite.directory)
    truncate(suite.step(50) / "model.safetensors")
    (suite.directory / "step-70.tmp").mkdir()
    code, noted, _ = audit(suite.declaration)
    assert code == 4
    assert set(noted) == {
        (0, "tokenizer"),
        (10, "shard"),
        (30, "configuration"),
        (30, "shapes"),
        (40, "shapes"),
        (50, "completeness"),
        (50, "writing"),
        (70, "writing"),
    }
    assert noted[10, "shard"][1] == "model-00001-of-00002.safetensors is that of step 60"
    assert "intruder" in noted[40, "shapes"][1]
    assert "a vocabulary of 7" in noted[30, "shapes"][1]


def nudge_everything(directory, amount: float) -> None:
    path = directory / "model.safetensors"
    tensors = load_file(path)
    save_file({name: values + amount for name, values in tensors.items()}, path, metadata={"format": "pt"})


def test_weights_that_changed_since_they_were_scored_are_named(audit, make_tiny_suite, client):
    suite = make_tiny_suite("moved", [0, 10])
    client.insert(
        "raw_score_ledger",
        [["moved/tiny", "c", 10, "k" * 64, "a" * 64, True]],
        column_names=["model_id", "corpus_id", "step", "score_key", "weights_sha256", "is_complete"],
    )
    code, noted, _ = audit(suite.declaration)
    assert (code, set(noted)) == (4, {(10, "revision")})
    assert "scores of other weights (aaaaaaaaaaaa...)" in noted[10, "revision"][1]


def test_a_configuration_or_a_tokenizer_that_changed_since_it_was_scored_is_named(audit, make_tiny_suite, client):
    suite = make_tiny_suite("reshaped", [0, 10, 20])
    assert audit(suite.declaration)[0] == 0
    config = hashlib.sha256((suite.step(0) / "config.json").read_bytes()).hexdigest()
    weights = dict(client.query("select step, any(weights_sha256) from raw_checkpoint_audit group by 1").result_rows)
    tokenizer = identify_tokenizer_of(suite.step(0))
    scored = {0: (config, tokenizer), 10: ("b" * 64, tokenizer), 20: (config, "elsewhere")}
    client.insert(
        "raw_score_ledger",
        [
            ["reshaped/tiny", "c", step, "k" * 64, weights[step], True, json.dumps({"config_sha256": one}), other]
            for step, (one, other) in scored.items()
        ],
        column_names=[
            "model_id",
            "corpus_id",
            "step",
            "score_key",
            "weights_sha256",
            "is_complete",
            "settings",
            "tokenizer_id",
        ],
    )
    code, noted, _ = audit(suite.declaration)
    assert (code, set(noted)) == (4, {(10, "revision"), (20, "revision")})
    assert "scores of another config.json (bbbbbbbbbbbb...)" in noted[10, "revision"][1]
    assert "scores of another tokenizer (elsewhere...)" in noted[20, "revision"][1]


def test_the_table_on_the_terminal_names_the_problems(trailhouse, make_tiny_suite):
    suite = make_tiny_suite("shown", [0, 10])
    plant_nan(suite.step(10))
    code, out, err = trailhouse("audit", str(suite.declaration))
    assert code == 4
    assert "NaN" in out
    assert "error: something is wrong with 1 checkpoint of shown" in err
