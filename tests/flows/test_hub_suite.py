"""The command line scores a suite of the hub. A server on loopback stands in for the hub."""

import json
import os
import shutil
import subprocess

import pytest

from tests.support.fake_hub import SUITE, FakeHub, serve_hub
from tests.support.nudged_weights import nudge_weights
from tests.support.workplace import COMMAND

DECLARATION = SUITE + "    expected_steps: [0, 10, 20, 100]\n"
WEIGHTS = "/cdn/"  # where the fake hub serves large files from


@pytest.fixture
def hub(tiny_template, tmp_path):
    """Branches of a repository; step20 serves the weights of step10, as some public ones do."""
    branches = {}
    for branch, amount in (("step0", 0.0), ("step10", 0.1), ("step20", 0.1), ("main", 0.5)):
        directory = tmp_path / "hub" / branch
        shutil.copytree(tiny_template, directory)
        nudge_weights(directory, amount)
        branches[branch] = {path.name: path.read_bytes() for path in directory.iterdir()}
    with serve_hub(FakeHub({"owner/tiny": branches})) as served:
        yield served


def count_weight_downloads(hub: FakeHub) -> int:
    return sum(method == "GET" and path.startswith(WEIGHTS) for method, path in hub.requests)


def test_a_suite_on_the_hub_is_audited_scored_and_watched_for_moved_branches(
    hub, trailhouse, tmp_path, monkeypatch, client
):
    (tmp_path / "declared.yaml").write_text(DECLARATION)
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the parser reads the file " * 3)
    assert trailhouse("suite", "add", "declared.yaml")[0] == 0
    assert trailhouse("corpus", "add", "a.txt", "--name", "few")[0] == 0

    variables = {**os.environ, "HF_ENDPOINT": hub.url}
    audit = subprocess.run([*COMMAND, "audit", "public", "--json"], env=variables, capture_output=True, text=True)
    assert audit.returncode == 4, audit.stderr
    found = [(f["step"], f["check_name"]) for f in json.loads(audit.stdout)["findings"]]
    assert sorted(found) == [(10, "duplicate"), (20, "duplicate")]
    assert count_weight_downloads(hub) == 0

    monkeypatch.setenv("TRAILHOUSE_HUB_ENDPOINT", hub.url)
    hub.faults.cut_after_bytes = 1500
    code, _, err = trailhouse("score", "public", "--corpus", "few")
    assert code == 4, err
    assert "step10: has the same weights as step 20, which is later" in err
    assert read_scored_steps(client) == [0, 20, 100]
    assert count_weight_downloads(hub) == 4  # three checkpoints; one download was cut off and resumed
    checkpoints = "select step, commit_hash, audit_status from raw_checkpoint final where model_id = 'public/tiny'"
    before = {step: found for step, *found in client.query(checkpoints).result_rows}
    statuses = {0: "ok", 10: "the same weights as step 20", 20: "ok", 100: "ok"}
    assert {step: status for step, (_, status) in before.items()} == statuses

    assert trailhouse("score", "public", "--corpus", "few")[0] == 4
    assert read_scored_steps(client) == [0, 20, 100]
    assert count_weight_downloads(hub) == 4

    branches = hub.repositories["owner/tiny"]
    branches["step0"] = {**branches["step0"], "model.safetensors": branches["main"]["model.safetensors"]}
    code, out, _ = trailhouse("audit", "public", "--json")
    assert code == 4
    assert {(f["step"], f["check_name"]) for f in json.loads(out)["findings"]} >= {(0, "revision"), (0, "duplicate")}
    code, _, err = trailhouse("score", "public", "--corpus", "few")
    assert code == 4
    assert "step0: has the same weights as step 100, which is later" in err
    assert count_weight_downloads(hub) == 4
    after = {step: found for step, *found in client.query(checkpoints).result_rows}
    assert {step for step in after if after[step] != before[step]} == {0}
    assert after[0][0] != before[0][0]
    assert after[0][1] == "the same weights as step 100"


def read_scored_steps(client) -> list[int]:
    ledger = "select step from raw_score_ledger final where model_id = 'public/tiny' and is_complete order by step"
    return [step for (step,) in client.query(ledger).result_rows]
