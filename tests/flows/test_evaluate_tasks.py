"""Evaluation through the real command: what is missing is evaluated, and nothing twice."""

import json

import pytest

pytestmark = pytest.mark.slow

ITEM = {"input": "the cat sat on the", "target_scores": {"mat": 1, "file": 0}}
OTHER = {"input": "the parser reads the", "target_scores": {"mat": 0, "file": 1, "the cat": 0}}
LEDGER = "select step, task_id, shot_count, seed, option_count from raw_evaluation_ledger final where is_complete"
SCORES = (
    "select model_id, step, task_id, shot_count, seed, item_id, option_index, log_prob_nats,"
    " unconditional_log_prob_nats from raw_option_score order by all"
)


@pytest.fixture
def evaluate(trailhouse, make_tiny_suite, tmp_path):
    """Evaluate a suite of two tiny checkpoints on two tasks; returns (exit code, report, stderr)."""
    suite = make_tiny_suite("tiny-tasks", [1, 2])
    for name, examples in (("cats", [ITEM, OTHER, ITEM]), ("files", [OTHER, ITEM])):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "task.json").write_text(
            json.dumps({"examples": examples, "append_choices_to_input": False, "example_input_prefix": " "})
        )

    def run(*arguments: str) -> tuple[int, dict, str]:
        code, out, err = trailhouse("evaluate", str(suite.declaration), "--tasks", "tasks", "--json", *arguments)
        return code, json.loads(out) if out else {}, err

    return run


def test_only_what_is_missing_is_evaluated(evaluate, client, tmp_path):
    code, report, err = evaluate("--shots", "1")
    assert (code, report.get("evaluated_count"), report.get("option_count")) == (0, 4, 2 * (7 + 5)), err
    first = client.query(SCORES).result_rows
    assert len(first) == 24
    ((kind, counted, rate, seconds),) = client.query(
        "select run_kind, score_count, tokens_per_second, dateDiff('millisecond', started_at, finished_at) / 1000"
        " from raw_scoring_run final"
    ).result_rows
    ((token_count,),) = client.query("select sum(token_count) from raw_option_score").result_rows
    assert (kind, counted) == ("evaluation", token_count)
    assert token_count > len(first)
    assert rate * seconds > token_count  # the seconds include loading, the rate does not

    code, report, _ = evaluate("--shots", "1")
    assert (code, report["evaluated_count"], report["already_evaluated_count"]) == (0, 0, 4)
    assert client.query(SCORES).result_rows == first

    _, report, _ = evaluate("--shots", "1", "--shots", "0", "--seed", "0", "--seed", "3")
    assert (report["evaluated_count"], report["already_evaluated_count"]) == (12, 4)
    assert set(first) < set(client.query(SCORES).result_rows)

    # As after a run that was killed when it had written the rows of an evaluation, and not yet its ledger entry
    client.command(
        "alter table raw_evaluation_ledger delete where step = 2 and task_id = 'cats' settings mutations_sync=1"
    )
    before = client.query(SCORES).result_rows
    assert evaluate("--shots", "1", "--shots", "0", "--seed", "0", "--seed", "3")[1]["evaluated_count"] == 4
    assert client.query(SCORES).result_rows == before

    # As after another process that replaced the partition at the same time and left these rows out
    client.command("alter table raw_option_score delete where step = 1 and task_id = 'files' settings mutations_sync=1")
    assert evaluate("--shots", "1", "--shots", "0", "--seed", "0", "--seed", "3")[1]["evaluated_count"] == 4
    assert client.query(SCORES).result_rows == before

    # A task that changed is evaluated again, and only this one
    content = {"examples": [OTHER, OTHER, ITEM], "append_choices_to_input": False}
    (tmp_path / "tasks" / "cats" / "task.json").write_text(json.dumps(content))
    assert evaluate("--shots", "1")[1]["evaluated_count"] == 2
    assert {row[4] for row in client.query(LEDGER).result_rows if row[1] == "cats" and row[2] == 1 and row[3] == 0} == {
        8
    }


def test_a_malformed_task_names_its_file_and_field_before_anything_is_written(evaluate, client, tmp_path):
    (tmp_path / "tasks" / "files" / "task.json").write_text(json.dumps({"examples": [ITEM, {"input": 7}]}))
    code, _, err = evaluate()
    assert code == 3
    error, hint = err.strip().splitlines()
    assert error.startswith("error: tasks/files/task.json, examples[1].input: ")
    assert hint.startswith("  hint: ")
    assert client.query("select count() from raw_task_item").result_rows == [(0,)]


def test_too_many_shots_name_the_task(evaluate):
    code, _, err = evaluate("--shots", "2")
    assert code == 2
    assert "task 'cats' has 3 items; the other questions that one of them can have as exemplars: 1" in err


def test_a_prompt_is_shown_as_a_model_sees_it(trailhouse, tmp_path):
    (tmp_path / "own.jsonl").write_text('{"input": "1 + 1?", "options": ["3", "2"], "answer": 1}\n')
    code, out, err = trailhouse("task", "show", "own", "--tasks", "own.jsonl", "--shots", "0")
    assert (code, out) == (0, "\nQ: 1 + 1?\nA: \n")
    assert err.splitlines() == ["option '3': 0", "option '2': 1"]
    rows = json.loads(trailhouse("task", "list", "--tasks", "own.jsonl", "--json")[1])
    assert [(row["task"], row["items"], row["chance"]) for row in rows] == [("own", 1, 0.5)]


def test_a_broken_task_is_reported_beside_the_others_and_does_not_hide_them(trailhouse, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "own.jsonl").write_text('{"input": "1 + 1?", "options": ["3", "2"], "answer": 1}\n')
    (folder / "wrong.jsonl").write_text('{"input": "1 + 1?"}\n')
    code, out, err = trailhouse("task", "list", "--tasks", "mixed", "--json")
    assert (code, [row["task"] for row in json.loads(out)]) == (4, ["own"])
    first, error, _ = err.splitlines()
    assert first.startswith("failed: mixed/wrong.jsonl, row 1")
    assert error == "error: 1 of 2 tasks cannot be read"
    assert trailhouse("task", "show", "own", "--tasks", "mixed", "--shots", "0")[0] == 0
    code, _, err = trailhouse("task", "show", "wrong", "--tasks", "mixed", "--shots", "0")
    assert (code, err.startswith("error: mixed/wrong.jsonl, row 1")) == (3, True)
