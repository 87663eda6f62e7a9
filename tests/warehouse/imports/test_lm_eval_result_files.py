"""Result files of lm-evaluation-harness: both formats, the checkpoint they name, and errors in them."""

import copy
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.json_values import mutate_text
from tests.support.paths import SHARED
from trailhouse.errors import BadInputError, TrailhouseError, UsageError
from trailhouse.warehouse.imports.checkpoint_from_name import compile_path_pattern, parse_model_name, parse_step
from trailhouse.warehouse.imports.eval_results import load_results, read_latest_import
from trailhouse.warehouse.imports.json_files import JsonField
from trailhouse.warehouse.imports.lm_eval.result_files import (
    Metric,
    is_result_file,
    list_result_files,
    read_result_file,
)
from trailhouse.warehouse.imports.registered_models import (
    RegisteredModel,
    match_model,
    read_registered_models,
    register_imported_model,
)

PYTHIA = SHARED / "data" / "lm_eval_pythia_70m"
needs_pythia = pytest.mark.skipif(not PYTHIA.is_dir(), reason="the result files of pythia-70m are not here")

OLD = {
    "results": {
        "piqa": {"acc": 0.6, "acc_stderr": 0.01, "acc_norm": 0.5, "acc_norm_stderr": 0.02},
        "lambada_openai": {"ppl": 140.5, "ppl_stderr": 6.0},
    },
    "versions": {"piqa": 0, "lambada_openai": 1},
    "config": {
        "model": "hf-causal",
        "model_args": "use_accelerate=True,pretrained=EleutherAI/pythia-70m,revision=step1000",
        "num_fewshot": 5,
    },
}
NEW = {
    "results": {
        "piqa": {
            "alias": "piqa",
            "acc,none": 0.61,
            "acc_stderr,none": 0.0125,
            "acc_norm,none": 1,
            "acc_norm_stderr,none": "N/A",
        },
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.25,
            "exact_match_stderr,strict-match": 0.015,
            "exact_match,flexible-extract": math.nan,
        },
        "mmlu": {"alias": "mmlu", "acc,none": " ", "acc_stderr,none": " "},
    },
    "groups": {"mmlu": {"acc,none": 0.3}},
    "configs": {"piqa": {"task": "piqa", "num_fewshot": 0}, "gsm8k": {"num_fewshot": 8}},
    "versions": {"piqa": 1.0, "gsm8k": "Yaml"},
    "n-shot": {"piqa": 2},
    "higher_is_better": {"piqa": {"acc": True, "acc_norm": True}, "gsm8k": {"exact_match": True}},
    "n-samples": {"piqa": {"original": 1838, "effective": 100}},
    "config": {
        "model": "hf",
        "model_args": {"pretrained": "EleutherAI/pythia-70m", "revision": "step2000", "dtype": "float32"},
        "model_num_parameters": 70426624,
        "model_revision": "step2000",
    },
    "date": 1718000000.5,
}


def write(directory: Path, name: str, content: object) -> Path:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def test_the_older_format_states_metrics_with_their_errors_shots_and_versions(tmp_path):
    result = read_result_file(write(tmp_path, "a.json", OLD))
    assert (result.model_name, result.revision, result.step) == ("pythia-70m", "step1000", 1000)
    assert result.metrics == (
        Metric("piqa", "0", 5, "acc", 0.6, 0.01, None, None),
        Metric("piqa", "0", 5, "acc_norm", 0.5, 0.02, None, None),
        Metric("lambada_openai", "1", 5, "ppl", 140.5, 6.0, None, None),
    )


def test_the_newer_format_states_filters_directions_and_items_and_skips_what_is_no_number(tmp_path):
    result = read_result_file(write(tmp_path, "a.json", NEW))
    assert (result.model_name, result.step, result.parameter_count) == ("pythia-70m", 2000, 70426624)
    assert result.evaluated_at_seconds == 1718000000.5
    assert result.metrics == (
        Metric("piqa", "1", 2, "acc", 0.61, 0.0125, True, 100),
        Metric("piqa", "1", 2, "acc_norm", 1.0, None, True, 100),
        Metric("gsm8k", "Yaml", 8, "exact_match,strict-match", 0.25, 0.015, True, None),
    )
    assert result.not_finite_count == 1


@pytest.mark.parametrize("stated", [math.nan, math.inf, -math.inf, None, "N/A", " "])
@pytest.mark.parametrize(
    ("content", "task", "metric", "suffix"), [(OLD, "piqa", "acc", ""), (NEW, "gsm8k", "exact_match", ",strict-match")]
)
def test_a_standard_error_that_is_missing_or_not_finite_is_none_and_its_metric_is_kept(
    tmp_path, content, task, metric, suffix, stated
):
    changed = change(content, ("results", task, f"{metric}_stderr{suffix}"), stated)
    result = read_result_file(write(tmp_path, "a.json", changed))
    expected = list(read_result_file(write(tmp_path, "b.json", content)).metrics)
    index = [(one.task_id, one.metric) for one in expected].index((task, f"{metric}{suffix}"))
    assert expected[index].standard_error is not None
    expected[index] = replace(expected[index], standard_error=None)
    assert list(result.metrics) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_counted_and_left_out(tmp_path, value):
    result = read_result_file(write(tmp_path, "a.json", change(OLD, ("results", "piqa", "acc"), value)))
    assert [metric.metric for metric in result.metrics] == ["acc_norm", "ppl"]
    assert result.not_finite_count == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model_num_parameters": 2**63 - 1}, (2**63 - 1, "step2000", 2000)),
        ({"model_num_parameters": 0, "model_args": {}}, (0, "step2000", 2000)),
        ({"model_num_parameters": "7B", "model_revision": 5, "model_args": {"pretrained": "m"}}, (None, "", None)),
        ({"model_args": "pretrained=a/step3,revision= ,dtype=x"}, (70426624, "step2000", 2000)),
        ({"model_args": "pretrained=a/step3", "model_revision": "main"}, (70426624, "main", 3)),
    ],
)
def test_parameters_and_revision_are_read_from_the_configuration(tmp_path, changes, expected):
    content = copy.deepcopy(NEW)
    content["config"] |= changes
    result = read_result_file(write(tmp_path, "a.json", content))
    assert (result.parameter_count, result.revision, result.step) == expected


def test_what_is_no_metric_is_skipped_and_a_task_needs_a_name(tmp_path):
    blank = {"alias": "x", "name": "x", "sample_len": 3, "sample_count": 4, "acc": None, "f1": " N/A ", "em": 0}
    result = read_result_file(write(tmp_path, "a.json", {"results": {" t ": blank}, "date": "today"}))
    assert result.metrics == (Metric("t", "", 0, "em", 0.0, None, None, None),)
    assert (result.evaluated_at_seconds, result.not_finite_count, result.parameter_count) == (0.0, 0, None)
    with pytest.raises(BadInputError, match="field results: a task has no name"):
        read_result_file(write(tmp_path, "a.json", {"results": {" ": blank}}))


@pytest.mark.parametrize(("stated", "version"), [(2.0, "2"), (2, "2"), (0.5, "0.5"), ("1.0", "1.0"), (10.0, "10")])
def test_a_version_is_text_without_a_point_if_it_is_whole(tmp_path, stated, version):
    result = read_result_file(write(tmp_path, "a.json", change(OLD, ("versions", "piqa"), stated)))
    assert result.metrics[0].task_version == version


@pytest.mark.parametrize(
    ("top", "expected"), [({"results": {}}, True), ({"result": {}}, False), (["results"], False), ("results", False)]
)
def test_a_file_with_results_is_a_result_file(top, expected):
    assert is_result_file(JsonField(Path("a.json"), "", top)) is expected


def test_shots_are_those_of_the_task_then_of_its_configuration_then_of_the_run(tmp_path):
    content = {
        "results": {name: {"acc,none": 0.5} for name in ("task", "configured", "run")},
        "n-shot": {"task": 1},
        "configs": {"task": {"num_fewshot": 2}, "configured": {"num_fewshot": 3}},
        "config": {"num_fewshot": 4},
    }
    result = read_result_file(write(tmp_path, "a.json", content))
    assert {metric.task_id: metric.shot_count for metric in result.metrics} == {"task": 1, "configured": 3, "run": 4}
    assert {metric.task_version for metric in result.metrics} == {""}


def test_the_largest_and_smallest_numbers_of_shots_are_read_and_no_others(tmp_path):
    for shots in (0, 32767):
        result = read_result_file(write(tmp_path, "a.json", change(OLD, ("config", "num_fewshot"), shots)))
        assert {metric.shot_count for metric in result.metrics} == {shots}
    for shots in (-1, 32768):
        with pytest.raises(BadInputError, match="is not an integer from 0 to 32767"):
            read_result_file(write(tmp_path, "a.json", change(OLD, ("config", "num_fewshot"), shots)))


@pytest.mark.parametrize(
    ("arguments", "model", "step", "tokenizer"),
    [
        ("pretrained=org/a,revision=step5", "a", 5, "org/a"),
        ("pretrained=org/a/step7", "a", 7, "org/a/step7"),
        ("model=org/b,tokenizer=org/t", "b", None, "org/t"),
        ({"path": "org/c", "revision": "step9"}, "c", 9, "org/c"),
        ("engine=d", "d", None, "d"),
        ("revision=step3", "named", 3, "runs/named"),
    ],
)
def test_model_step_and_tokenizer_are_read_from_the_model_arguments(tmp_path, arguments, model, step, tokenizer):
    content = {**OLD, "config": {"model_args": arguments}, "model_name": "runs/named"}
    result = read_result_file(write(tmp_path, "a.json", content))
    assert (result.model_name, result.step, result.tokenizer) == (model, step, tokenizer)


@pytest.mark.parametrize(
    ("text", "model", "step"),
    [
        ("EleutherAI/pythia-70m", "pythia-70m", None),
        ("allenai/OLMo-1B-hf", "OLMo-1B-hf", None),
        ("/runs/410m/checkpoint-1000", "410m", 1000),
        ("/runs/410m/step1000/hf", "410m", 1000),
        ("runs/410m/step10/step20", "410m", 20),
        ("OLMo-7B/stage1_step5000", "stage1", 5000),
        ("checkpoints/global_step7", None, 7),
        ("STEP_3/Main/x", "x", 3),
        (f"m/step{10**18 - 1}", "m", 10**18 - 1),
        (f"m/step{10**18}", f"step{10**18}", None),
        ("a\\run-b\\iter-5", "run-b", 5),
        ("final/model/hf/.", None, None),
        ("org/-step9_", "org", 9),
        ("", None, None),
    ],
)
def test_model_and_step_are_recognised_in_names(text, model, step):
    assert (parse_model_name(text), parse_step(text)) == (model, step)


@pytest.mark.parametrize("pattern", [r"(?P<model>\w+)", r"(?P<step>\d+)", r"(?P<model>\w+)/(?P<step>\d+)"])
def test_a_pattern_needs_one_of_its_groups(pattern):
    assert compile_path_pattern(pattern).pattern == pattern


@pytest.mark.parametrize("pattern", ["[", "no groups", r"(\d+)"])
def test_a_pattern_without_its_groups_is_refused(pattern):
    with pytest.raises(UsageError, match="--pattern"):
        compile_path_pattern(pattern)


def change(content: dict, path: tuple[str, ...], value: object) -> dict:
    changed = copy.deepcopy(content)
    place = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "an object is expected here"),
        ({"versions": {}}, "field results: is missing"),
        (change(OLD, ("results", "piqa"), 3), "field results.piqa: an object is expected"),
        (change(OLD, ("results", "piqa", "acc"), "high"), "field results.piqa.acc: 'high' is not a number"),
        (change(OLD, ("results", "piqa", "acc"), True), "field results.piqa.acc: True is not a number"),
        (change(OLD, ("results", "piqa", "acc_stderr"), []), "field results.piqa.acc_stderr: list is not a number"),
        (change(OLD, ("config", "num_fewshot"), -1), "field config.num_fewshot: -1 is not an integer from 0"),
        (change(OLD, ("config", "num_fewshot"), 1.5), "field config.num_fewshot: 1.5 is not an integer"),
        (change(OLD, ("config", "model_args"), 7), "field config.model_args: is neither text nor an object"),
        (change(OLD, ("versions", "piqa"), {}), "field versions.piqa: dict is not text"),
        (change(NEW, ("higher_is_better", "piqa", "acc"), "yes"), "field higher_is_better.piqa.acc: 'yes' is neither"),
        (
            change(NEW, ("n-samples", "piqa", "effective"), "all"),
            "field n-samples.piqa.effective: 'all' is not an",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_file_and_field(tmp_path, content, message):
    file = write(tmp_path, "wrong.json", content)
    with pytest.raises(BadInputError, match="^" + str(file)) as refusal:
        read_result_file(file)
    assert message in refusal.value.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: not JSON"),
        (b'{"results":\n{,}}', "line 2: not JSON"),
        (b'{"results": {}}\n\xff', "line 2: not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"date": ' + b"1" * 10_000 + b"}", "not JSON"),
    ],
)
def test_a_file_that_is_no_json_is_named(tmp_path, content, message):
    file = tmp_path / "wrong.json"
    file.write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        read_result_file(file)


def test_mutated_results_are_read_or_refused_and_never_crash(tmp_path):
    source = random.Random(7)
    file = tmp_path / "mutated.json"
    refusals = []
    for index in range(2000):
        file.write_bytes(mutate_text(OLD if index % 2 else NEW, index, source))
        try:
            result = read_result_file(file)
        except BadInputError as refusal:
            refusals.append(refusal.message)
        else:
            assert all(math.isfinite(metric.value) for metric in result.metrics)
    assert 200 < len(refusals) < 1800
    assert [message for message in refusals if not message.startswith(str(file)) or "\n" in message] == []


@pytest.mark.parametrize(
    ("content", "program"),
    [
        ({"config_general": {"model_name": "a"}, "results": {"leaderboard|arc|0": {"acc": 0.5}}}, "lighteval"),
        ({"status": "success", "eval": {"task": "arc"}, "results": {"scores": []}}, "inspect_ai"),
    ],
)
def test_a_file_of_another_program_is_refused_by_its_name(tmp_path, content, program):
    file = tmp_path / "results.json"
    file.write_text(json.dumps(content))
    with pytest.raises(BadInputError, match=f"{file}: seems to be of {program}, and not of lm-evaluation-harness"):
        read_result_file(file)


def test_a_directory_is_searched_and_what_is_missing_is_named(tmp_path):
    files = [write(tmp_path, "b/results_1.json", OLD), write(tmp_path, "a.json", NEW)]
    (tmp_path / "samples_piqa.jsonl").write_text("{}")
    assert sorted(list_result_files([tmp_path, files[0]])) == sorted(files)
    (tmp_path / "empty").mkdir()
    for path, message in ((tmp_path / "empty", "contains no"), (tmp_path / "nowhere", "no such file")):
        with pytest.raises(BadInputError, match=message):
            list_result_files([path])


def test_a_name_stands_for_one_registered_model():
    known = [RegisteredModel("p/pythia-70m", "pythia-70m"), RegisteredModel("q/other", "other")]
    assert match_model("Pythia-70M", known) == "p/pythia-70m"
    assert match_model("q/other", known) == "q/other"
    assert match_model("pythia-160m", known) is None
    with pytest.raises(BadInputError, match=r"several models .* p/pythia-70m, r/pythia-70m"):
        match_model("pythia-70m", [*known, RegisteredModel("r/pythia-70m", "pythia-70m")])


def stored(client) -> list[tuple]:
    return client.query(
        "select model_id, step, task_id, task_version, shot_count, metric, value, standard_error, is_higher_better,"
        " item_count from raw_eval_result final order by all"
    ).result_rows


def test_results_are_stored_once_and_the_later_run_of_two_counts(client, tmp_path):
    old, new = (read_result_file(write(tmp_path, name, content)) for name, content in (("o", OLD), ("n", NEW)))
    earlier = read_result_file(write(tmp_path, "e", change({**NEW, "date": 1.0}, ("results", "piqa", "acc,none"), 0.1)))
    located = [(new, "s/m", 2000), (earlier, "s/m", 2000), (old, "s/m", 1000)]
    assert read_latest_import(client) is None
    assert load_results(client, located) == 6
    assert read_latest_import(client) is not None
    assert load_results(client, located) == 0
    assert ("s/m", 2000, "piqa", "1", 2, "acc", 0.61, 0.0125, True, 100) in stored(client)
    assert ("s/m", 1000, "lambada_openai", "1", 5, "ppl", 140.5, 6.0, None, None) in stored(client)
    assert len(stored(client)) == 6


def test_a_model_known_from_results_is_entered_beside_others(client):
    suite = {"suite_id": "imported", "description": "d", "source": "import", "declaration": ""}
    model = {"suite_id": "imported", "model_name": "m", "batch_tokens": 9}
    register_imported_model(client, suite, {"model_id": "imported/m", **model})
    register_imported_model(client, {**suite, "description": "other"}, {"model_id": "imported/n", **model})
    assert [entry.model_id for entry in read_registered_models(client)] == ["imported/m", "imported/n"]
    assert client.query("select description from raw_suite final").result_rows == [("d",)]


@needs_pythia
def test_the_published_results_of_pythia_70m_are_read_whole():
    results = [read_result_file(file) for file in list_result_files([PYTHIA])]
    assert len(results) == 27
    for result in results:
        written = json.loads(result.file.read_text())["results"]
        values = {(task, name): value for task, metrics in written.items() for name, value in metrics.items()}
        read = {(metric.task_id, metric.metric): metric.value for metric in result.metrics}
        assert read == {key: value for key, value in values.items() if not key[1].endswith("_stderr")}
        assert result.file.stem == f"70m_step{result.step}"
        assert result.model_name == "pythia-v1.1-70m"


def test_every_refusal_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(TrailhouseError) as refusal:
        read_result_file(tmp_path)
    assert refusal.value.hint
