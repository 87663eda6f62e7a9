"""Samples files of lm-evaluation-harness, imported by the real command, and a task that both programs evaluate."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

STAMP = "2024-06-01T12-34-56.789012"
SCORES = (
    "select step, task_id, shot_count, seed, item_id, option_index, round(log_prob_nats, 4), token_count,"
    " character_count, byte_count, prompt_token_count from raw_option_score order by all"
)
TASK = """\
task: cats
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
doc_to_choice: choices
num_fewshot: 0
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_mutual_info, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""


def write_run(directory, pretrained, documents=(0, 1), scores=(-1.0, -2.0), date=1.0, target="1", stamp=STAMP):
    """Write the results and samples of a run on a task of two options, as the harness does."""
    directory.mkdir(exist_ok=True)
    config = {"model_args": {"pretrained": str(pretrained)}, "fewshot_seed": 5}
    configs = {"cats": {"output_type": "multiple_choice", "num_fewshot": 0}}
    results = {"cats": {"acc,none": 0.5, "acc_stderr,none": 0.1}}
    (directory / f"results_{stamp}.json").write_text(
        json.dumps({"results": results, "configs": configs, "versions": {"cats": 1}, "config": config, "date": date})
    )
    lines = [
        {
            "doc_id": document,
            "target": target,
            "arguments": [["the cat sat on the", " mat"], ["the cat sat on the", " file"]],
            "resps": [[[scores[0], True]], [[scores[1], False]]],
        }
        for document in documents
    ]
    file = directory / f"samples_cats_{stamp}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_samples_become_a_task_with_scores_of_the_checkpoint_their_results_are_about(
    trailhouse, client, make_tiny_suite, tmp_path
):
    suite = make_tiny_suite("tiny-samples", [1, 2])
    file = write_run(tmp_path / "one", suite.step(1))
    write_run(tmp_path / "two", suite.step(2), documents=(1, 4))
    code, out, err = trailhouse("import", "lm-eval", "one", "two", "--model", "mine/tiny", "--json")
    report = json.loads(out)
    assert (code, report["samples_file_count"], report["evaluation_count"], report["option_count"]) == (0, 2, 2, 8), err
    assert client.query(SCORES).result_rows == [
        (step, "lm-eval/cats", 0, 0, document, option, score, tokens, characters, characters, 5)
        for step, documents in ((1, (0, 1)), (2, (1, 4)))
        for document in documents
        for option, score, tokens, characters in ((0, -1.0, 1, 3), (1, -2.0, 1, 4))
    ]
    items = "select item_id, input, option_text, is_correct from raw_task_item order by item_id, option_index"
    assert client.query(items).result_rows == [
        (document, "the cat sat on the", text, is_correct)
        for document in (0, 1, 4)
        for text, is_correct in (("mat", False), ("file", True))
    ]
    assert client.query("select item_count, option_count from raw_task final").result_rows == [(3, 6)]

    _, out, _ = trailhouse("import", "lm-eval", f"one/{file.name}", "--model", "mine/tiny", "--json")
    report = json.loads(out)
    assert (report["samples_file_count"], report["evaluation_count"], report["changed_count"]) == (1, 0, 0)

    # Of two runs on the same checkpoint the later one counts, whichever is imported first
    write_run(tmp_path / "three", suite.step(1), scores=(-3.0, -4.0), date=2.0)
    trailhouse("import", "lm-eval", "three", "one", "--model", "mine/tiny", "--json")
    latest = "select distinct log_prob_nats from raw_option_score where step = 1 order by 1"
    assert client.query(latest).result_rows == [(-4.0,), (-3.0,)]

    # Another right answer makes it another task, and the scores of the earlier task no longer count
    write_run(tmp_path / "four", suite.step(1), target="0", date=3.0)
    code, out, err = trailhouse("import", "lm-eval", "four", "--model", "mine/tiny", "--json")
    assert json.loads(out)["replaced_tasks"] == ["lm-eval/cats"]
    assert "replaces the task of that name imported before" in err
    code, _, err = trailhouse("import", "lm-eval", "four", "two", "--model", "mine/tiny")
    assert code == 4
    assert f"two/samples_cats_{STAMP}.jsonl, line 1: the task is not as a newer file has it" in err


def test_a_malformed_samples_file_names_line_and_field_and_the_others_are_imported(trailhouse, client, tmp_path):
    write_run(tmp_path / "good", "org/unknown-step3")
    file = write_run(tmp_path / "bad", "org/unknown-step4")
    file.write_text(file.read_text().replace("-1.0", '"low"', 1))
    code, _, err = trailhouse("import", "lm-eval", "good", "bad")
    assert code == 4
    assert f"left out: 1 of 4 files; the first: bad/{file.name}, line 1, field resps[0][0][0]: 'low'" in err
    assert "name the tokenizer with --tokenizer" in trailhouse("import", "lm-eval", "good")[2]
    assert client.query("select distinct step, token_count from raw_option_score").result_rows == [(3, 0)]
    (tmp_path / "bad" / f"results_{STAMP}.json").unlink()
    code, _, err = trailhouse("import", "lm-eval", str(file))
    assert (code, "the result file of the same run is not beside it" in err) == (3, True)


def test_a_file_that_is_no_samples_file_imports_no_neighbouring_results(trailhouse, client, tmp_path):
    file = write_run(tmp_path / "run", "org/unknown-step3")
    predictions = file.with_name(f"predictions_{STAMP}.jsonl")
    file.rename(predictions)
    code, _, err = trailhouse("import", "lm-eval", str(predictions))
    assert (code, f"{predictions}: is no samples file of a task in results_{STAMP}.json" in err) == (3, True)
    assert client.query("select count() from raw_eval_result").result_rows == [(0,)]


def test_scores_of_the_harness_are_imported_as_one_s_own_evaluation_would_make_them(
    trailhouse, client, make_tiny_suite, tmp_path, monkeypatch
):
    """One task, in the harness's own format, is evaluated by Trailhouse and by the harness, with equal scores."""
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    variables = {"HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    suite = make_tiny_suite("tiny-harness", [1])
    questions = {"the cat sat on the": ["mat", "file"], "the parser reads the": ["the file", "mat", "cat"]}
    documents = [{"question": text, "choices": options, "answer": 1} for text, options in questions.items()]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    (tmp_path / "cats.yaml").write_text(TASK.format(data=tmp_path / "data.jsonl"))

    tasks = ("--tasks", "lm-eval:cats.yaml", "--shots", "0", "--json")
    code, out, err = trailhouse("evaluate", str(suite.declaration), *tasks)
    assert (code, json.loads(out or "{}").get("option_count")) == (0, 5), err
    model = ("--model", "hf", "--model_args", f"pretrained={suite.step(1)}", "--device", "cpu")
    command = [sys.executable, "-m", "lm_eval", *model, "--tasks", "cats.yaml", "--log_samples", "--output_path", "out"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **variables}, check=False, capture_output=True)
    code, out, err = trailhouse("import", "lm-eval", "out", "--model", "tiny-harness/tiny", "--json")
    assert (code, json.loads(out or "{}").get("option_count")) == (0, 5), err

    own, imported = (
        client.query(
            "select item_id, option_index, token_count, character_count, byte_count, prompt_token_count,"
            f" log_prob_nats, unconditional_log_prob_nats from raw_option_score where task_id = '{task}' order by all"
        ).result_rows
        for task in ("cats", "lm-eval/cats")
    )
    assert [row[:6] for row in own] == [row[:6] for row in imported]
    for left, right in zip(own, imported, strict=True):
        assert left[6:] == pytest.approx(right[6:], abs=1e-5)
