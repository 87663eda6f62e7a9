"""What fails is named on the command line, in the run's table and in the exit code, for both kinds of work."""

import json

import httpx
import pytest
from safetensors.numpy import load_file, save_file

from tests.flows.pipeline.conftest import ITEM, TEXT
from tests.support.untrusted_checkpoints import REFUSED


def plant_nan(directory) -> None:
    tensors = {name: values.copy() for name, values in load_file(directory / "model.safetensors").items()}
    tensors[min(tensors)].flat[0] = float("nan")
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def read_table(server: str, kind) -> dict[int, dict]:
    """Return the rows of the Prefect table that the last run of this kind stored, by step."""
    key = f"{kind.participle}-checkpoints"
    query = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
    (artifact,) = httpx.post(f"{server}/artifacts/filter", json=query, timeout=60).raise_for_status().json()
    return {row["step"]: row for row in json.loads(artifact["data"])}


def list_failed(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("failed: ")]


def test_every_damaged_checkpoint_is_named_and_the_others_are_done(
    kind, run_kind, make_tiny_suite, client, command_server
):
    suite = make_tiny_suite("half", [0, 10, 20, 30])
    plant_nan(suite.step(10))  # found when the checkpoint is loaded
    (suite.step(20) / "model.safetensors").unlink()  # found before any checkpoint is loaded
    code, _, err = run_kind(suite)
    assert code == 4, err
    lines = list_failed(err)
    assert len(lines) == 2
    assert [sum(f"step {step}: " in line and f"step-{step}" in line for line in lines) for step in (10, 20)] == [1, 1]
    assert f"2 checkpoints failed, the others are {kind.participle}; the first: half/tiny step 20: " in err
    assert kind.read_steps(client, suite) == [0, 30]
    table = read_table(command_server, kind)
    assert {step: row["state"] for step, row in table.items()} == {
        0: kind.participle,
        10: "failed",
        20: "failed",
        30: kind.participle,
    }
    assert "holds NaN" in table[10]["message"]
    assert "step-20" in table[20]["message"]
    assert (table[0]["done"], table[0]["failed"], table[10]["failed"]) == (kind.unit_count, 0, kind.unit_count)
    assert table[0]["rows"] == len(kind.read_rows(client, suite)) / 2


def test_where_all_fail_the_exit_code_is_that_of_the_first_and_each_is_named(kind, run_kind, make_tiny_suite, client):
    suite = make_tiny_suite("none", [0, 10])
    for step in (0, 10):
        plant_nan(suite.step(step))
    code, _, err = run_kind(suite)
    assert code == 3
    assert ["step-0" in line for line in list_failed(err)] == [True, False]
    assert ["step-10" in line for line in list_failed(err)] == [False, True]
    assert client.query(f"select count() from {kind.table}").result_rows == [(0,)]
    assert client.query("select count() from raw_scoring_run").result_rows == [(0,)]


def test_a_tokenizer_with_an_endless_regular_expression_fails_its_checkpoint_alone(
    kind, run_kind, make_tiny_suite, client, tmp_path
):
    suite = make_tiny_suite("untrusted", [0, 10])
    for file in tmp_path.glob("tasks/*/task.json"):  # on short texts, the regular expression ends
        file.write_text(file.read_text().replace("the cat sat on the", TEXT * 3))
    REFUSED["tokenizer_never_ends"].inflict(suite.step(10), tmp_path / "canary")
    code, _, err = run_kind(suite)
    assert code == 4, err
    lines = list_failed(err)
    assert len(lines) == kind.unit_count
    assert all("step 10: " in line and "the tokenizer gives up on a text" in line for line in lines)
    assert kind.read_steps(client, suite) == [0]


def test_a_task_that_does_not_fit_the_model_fails_alone(trailhouse, make_tiny_suite, client, tmp_path, command_server):
    suite = make_tiny_suite("narrow", [0, 10])
    item = {"input": "the cat sat on the", "target_scores": {"mat": 1, "file": 0}}
    long = {"input": "the cat", "target_scores": {"mat and " * 60: 1, "file": 0}}
    for name, examples in (("a_short", [item]), ("b_long", [long]), ("c_short", [item, item])):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "task.json").write_text(json.dumps({"examples": examples}))
    code, _, err = trailhouse("evaluate", str(suite.declaration), "--tasks", "tasks", "--shots", "0")
    assert code == 4
    lines = list_failed(err)
    assert [f"failed: narrow/tiny step {step}: task b_long, 0 shots, seed 0: " in line
            for step, line in zip((0, 10), lines, strict=True)] == [True, True]  # fmt: skip
    query = "select step, task_id from raw_evaluation_ledger final where is_complete order by all"
    assert client.query(query).result_rows == [(step, task) for step in (0, 10) for task in ("a_short", "c_short")]
    stored = client.query("select distinct task_id from raw_option_score order by all").result_rows
    assert stored == [("a_short",), ("c_short",)]


@pytest.mark.parametrize("failure", [MemoryError(), RuntimeError("std::bad_alloc")], ids=str)
def test_a_batch_that_does_not_fit_the_memory_is_halved_and_later_ones_stay_small(
    failure, kind, run_kind, make_tiny_suite, client, monkeypatch, trailhouse, tmp_path
):
    from trailhouse.models.few_shot import evaluator
    from trailhouse.models.scoring import score_corpus

    if kind.name == "score":
        for name in "bcdefg":
            (tmp_path / f"{name}.txt").write_text("the cat sat on the mat and the file " * 3)
        assert trailhouse("corpus", "add", *(f"{name}.txt" for name in "bcdefg"), "--name", "few")[0] == 0
    module, owner = (score_corpus, score_corpus._Scorer) if kind.name == "score" else (evaluator, evaluator.Evaluator)
    sizes: list[int] = []
    run_batch = owner._run_batch

    def run_in_small_memory(self, *arguments):
        """Fail for every batch that is larger than half of the first batch."""
        sizes.append(module._count_tokens(arguments[-1]))
        if sizes[-1] > sizes[0] // 2:
            raise failure
        return run_batch(self, *arguments)

    for file in tmp_path.glob("tasks/*/task.json"):  # eight equal items fill a batch that can be halved
        file.write_text(json.dumps({**json.loads(file.read_text()), "examples": [ITEM] * 8}))
    clean, small = make_tiny_suite("clean", [10]), make_tiny_suite("small", [20])  # other steps, other weights
    assert run_kind(clean)[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(owner, "_run_batch", run_in_small_memory)
        code, _, err = run_kind(small, "--device", "cpu")
    assert code == 0, err
    assert len(sizes) > 2
    assert max(sizes[1:]) <= sizes[0] // 2, "a size that failed was tried again"
    assert len(kind.read_rows(client, small)) == len(kind.read_rows(client, clean)) > 0


def test_an_unknown_device_is_one_error_and_not_one_a_checkpoint(run_kind, make_tiny_suite):
    code, _, err = run_kind(make_tiny_suite("elsewhere", [0, 10]), "--device", "tpu9")
    assert code == 2
    assert err.count("device 'tpu9' is not known") == 1
    assert "failed:" not in err
