"""Scoring through the real command: what is missing is scored, damaged input is refused, Prefect shows the run."""

import json
import shutil
from pathlib import Path

import httpx
import pytest
from safetensors.numpy import load_file, save_file

from tests.support.nudged_weights import nudge_weights
from trailhouse.models.miniature.vocabulary import train_tokenizer

pytestmark = pytest.mark.slow


def test_a_suite_of_plain_directories_is_scored_like_the_suite_it_was_copied_from(demo, make_suite, workplace):
    declaration, _ = make_suite("plain", [30, 120], is_changed=False)
    arguments = ("score", declaration, "--corpus", "python-docs-validation", "--json")
    report = json.loads(workplace.run(*arguments, TRAILHOUSE_QUANTA_PER_NAT="0").stdout)
    assert (report["scored_count"], report["copied_count"]) == (2, 0)
    comparison = (
        "select max(abs(a.log_prob_nats - b.log_prob_nats)), count() from raw_token_score as a"
        " join raw_token_score as b using (corpus_id, step, document_id, position)"
        " where a.model_id = 'plain/copied' and b.model_id = 'miniature-reduced/neox-medium'"
    )
    ((difference, count),) = workplace.query(comparison)
    assert difference < 5.1e-5  # half a quantum, as only one side is rounded to quanta; and float32
    assert count > 10_000


def test_the_same_weights_are_never_scored_twice(demo, make_suite, workplace):
    declaration, directory = make_suite("twin", [30, 60], is_changed=False)
    (directory / "step-60").rename(directory / "step-61")
    nudge_weights(directory / "step-61", 0.0)  # writes a new file with the same weights
    report = json.loads(workplace.run("score", declaration, "--corpus", "python-docs-validation", "--json").stdout)
    assert (report["scored_count"], report["copied_count"]) == (2, 2)
    ((different, count),) = workplace.query(
        "select countIf(a.log_prob_quanta != b.log_prob_quanta), count() from raw_token_score as a"
        " join raw_token_score as b using (corpus_id, document_id, position)"
        " where a.model_id = 'twin/copied' and b.model_id = 'miniature-reduced/neox-medium'"
        " and b.step = if(a.step = 61, 60, a.step)"
    )
    assert (different, count > 10_000) == (0, True)
    runs = workplace.query(
        "select countDistinct(scoring_run_id) from raw_score_ledger final where is_complete and"
        " model_id in ('twin/copied', 'miniature-reduced/neox-medium') and corpus_id = 'python-docs-validation'"
    )
    assert runs == [(1,)]


def test_a_new_checkpoint_is_scored_alone(make_suite, corpus, workplace):
    declaration, directory = make_suite("growing", [0, 30])
    assert json.loads(workplace.run("score", declaration, "--corpus", corpus, "--json").stdout)["scored_count"] == 2
    shutil.copytree(directory / "step-30", directory / "step-31")
    nudge_weights(directory / "step-31", 1e-4)
    report = json.loads(workplace.run("score", declaration, "--corpus", corpus, "--json").stdout)
    assert (report["checkpoint_count"], report["already_scored_count"], report["scored_count"]) == (3, 2, 1)


def damage_weights(directory: Path) -> None:
    tensors = load_file(directory / "model.safetensors")
    name = sorted(tensors)[0]
    tensors[name] = tensors[name].copy()
    tensors[name].flat[0] = float("nan")
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def remove_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def truncate_weights(directory: Path) -> None:
    data = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(data[: len(data) // 2])


def remove_tokenizer(directory: Path) -> None:
    for file in directory.glob("*token*"):
        file.unlink()


def swap_tokenizer(directory: Path) -> None:
    """Put the tokenizer of a model with a larger vocabulary beside the weights."""
    train_tokenizer([f"parser{index} reads" for index in range(2000)]).save_pretrained(directory)


@pytest.fixture
def text(trailhouse, tmp_path) -> str:
    """A corpus of one text, in this process's database."""
    (tmp_path / "a.txt").write_text("the parser1999 reads the file " * 4)
    assert trailhouse("corpus", "add", "a.txt", "--name", "text")[0] == 0
    return "text"


@pytest.mark.parametrize("damage", [damage_weights, remove_weights, truncate_weights, remove_tokenizer, swap_tokenizer])
def test_a_damaged_checkpoint_is_named_and_nothing_of_it_is_written(damage, make_tiny_suite, text, trailhouse, client):
    suite = make_tiny_suite("damaged", [30])
    damage(suite.step(30))
    code, out, err = trailhouse("score", str(suite.declaration), "--corpus", text)
    assert (code, out) == (3, ""), err
    error, hint = err.strip().splitlines()
    assert error.startswith("error: ")
    assert "step-30" in error or "holds token id" in error
    assert hint.startswith("  hint: ")
    for table in ("raw_token_score", "raw_score_ledger"):
        assert client.query(f"select count() from {table}").result_rows == [(0,)]


def test_a_suite_is_scored_on_every_corpus_that_is_named(make_tiny_suite, text, trailhouse, client, tmp_path):
    suite = make_tiny_suite("several", [30, 60])
    (tmp_path / "b.txt").write_text("another text " * 9)
    assert trailhouse("corpus", "add", "b.txt", "--name", "other")[0] == 0
    arguments = ("score", str(suite.declaration), "--corpus", text, "--corpus", "other", "--corpus", text)
    code, out, err = trailhouse(*arguments, "--json")
    assert code == 0, err
    assert [(report["corpus_id"], report["scored_count"]) for report in json.loads(out)] == [(text, 2), ("other", 2)]
    assert [line.partition(":")[0] for line in err.splitlines()] == [f"several on {text}", "several on other"]
    scored = client.query("select distinct corpus_id, step from raw_token_score order by all").result_rows
    assert scored == [("other", 30), ("other", 60), (text, 30), (text, 60)]


def test_a_corpus_that_is_not_there_is_named_before_another_is_scored(make_tiny_suite, text, trailhouse, client):
    suite = make_tiny_suite("several", [30])
    code, _, err = trailhouse("score", str(suite.declaration), "--corpus", text, "--corpus", "nosuch")
    assert (code, "'nosuch'" in err) == (3, True)
    assert client.query("select count() from raw_token_score").result_rows == [(0,)]


def test_a_failure_on_one_corpus_does_not_stop_the_work_on_the_next(
    make_tiny_suite, text, trailhouse, client, tmp_path
):
    suite = make_tiny_suite("half", [30, 60])
    (tmp_path / "b.txt").write_text("another text " * 9)
    assert trailhouse("corpus", "add", "b.txt", "--name", "other")[0] == 0
    damage_weights(suite.step(30))
    code, _, err = trailhouse("score", str(suite.declaration), "--corpus", text, "--corpus", "other")
    assert code == 4
    assert err.count("step-30") >= 2
    assert client.query("select distinct corpus_id, step from raw_token_score order by all").result_rows == [
        ("other", 60),
        (text, 60),
    ]


def test_a_damaged_checkpoint_does_not_stop_the_others(make_tiny_suite, text, trailhouse, client):
    suite = make_tiny_suite("half", [30, 60])
    damage_weights(suite.step(30))
    code, _, err = trailhouse("score", str(suite.declaration), "--corpus", text)
    assert code == 4
    assert "step-30" in err
    assert client.query("select distinct step from raw_token_score").result_rows == [(60,)]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (("score", "no-such-suite", "--corpus", "text"), 2, "no-such-suite"),
        (("score", "{suite}", "--corpus", "no-such-corpus"), 3, "no-such-corpus"),
        (("score", "{suite}", "--corpus", "text", "--dtype", "int3"), 2, "dtype"),
        (("score", "{suite}", "--corpus", "text", "--device", "tpu9"), 2, "tpu9"),
        (("transform", "--select", "no_such_model+"), 3, "no_such_model"),
    ],
)
def test_a_mistake_is_one_line_with_its_hint(arguments, exit_code, named, make_tiny_suite, text, trailhouse):
    suite = make_tiny_suite("mistaken", [10])
    code, out, err = trailhouse(*(argument.format(suite=suite.declaration) for argument in arguments))
    assert (code, out) == (exit_code, ""), err
    error, hint = err.strip().splitlines()
    assert named in error + hint


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (("serve", "--port", "0"), 5, "in use by process"),
        (("figures", "--suite", "nothing", "--corpus", "python-docs-validation"), 3, "trailhouse status"),
    ],
)
def test_a_mistake_in_a_derived_warehouse_is_one_line_with_its_hint(arguments, exit_code, named, demo, workplace):
    result = workplace.run(*arguments)
    assert (result.returncode, result.stdout) == (exit_code, ""), result.stderr
    error, hint = result.stderr.strip().splitlines()
    assert named in error + hint


def test_a_prefect_server_shows_the_run_its_tasks_and_its_artifacts(make_suite, corpus, workplace, prefect_server):
    declaration, _ = make_suite("watched", [30, 60])
    result = workplace.run("score", declaration, "--corpus", corpus, PREFECT_API_URL=prefect_server)
    assert result.returncode == 0, result.stderr

    def read(kind: str) -> list[dict]:
        return httpx.post(f"{prefect_server}/{kind}/filter", json={}, timeout=30).raise_for_status().json()

    (flow_run,) = read("flow_runs")
    assert (flow_run["state_type"], flow_run["parameters"]["corpus"]) == ("COMPLETED", corpus)
    tasks = read("task_runs")
    assert {task["name"] for task in tasks} == {"watched/copied step 30", "watched/copied step 60"}
    assert all(task["state_type"] == "COMPLETED" and task["tags"] == [] for task in tasks)
    artifacts = {artifact["type"]: artifact for artifact in read("artifacts")}
    assert artifacts["progress"]["data"] == 100.0
    rows = json.loads(artifacts["table"]["data"])
    assert [(row["step"], row["state"]) for row in rows] == [(30, "scored"), (60, "scored")]
