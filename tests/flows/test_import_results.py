"""Importing results through the real command: they join the checkpoints of the warehouse; wrong files are left out."""

import json

import pytest

from tests.support.paths import SHARED
from trailhouse.flows.import_results import Naming, find_declared_model, name_result
from trailhouse.models.checkpoints.suite import list_suites, packaged_suites_directory
from trailhouse.warehouse.imports.json_files import JsonField
from trailhouse.warehouse.imports.lm_eval.result_files import parse_result_file

METRICS = {"results": {"piqa": {"acc": 0.5, "acc_stderr": 0.1}}, "versions": {"piqa": 0}}


PYTHIA = SHARED / "data" / "lm_eval_pythia_70m"


def result_of(path, arguments: str = ""):
    return parse_result_file(JsonField(path, "", {**METRICS, "config": {"model_args": arguments}}))


def test_what_the_user_says_wins_over_the_pattern_the_file_and_its_path(tmp_path):
    path = tmp_path / "from-path" / "step4.json"
    stated = result_of(path, "pretrained=x/from-file,revision=step3")
    groups = {"model": "from-pattern", "step": "2"}
    named = [
        name_result(stated, groups, Naming(model="from-user", step=1)),
        name_result(stated, groups, Naming()),
        name_result(stated, {}, Naming()),
        name_result(result_of(path), {}, Naming()),
    ]
    assert [(entry.model_name, entry.step) for entry in named] == [
        ("from-user", 1),
        ("from-pattern", 2),
        ("from-file", 3),
        ("from-path", 4),
    ]


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("pythia-70m", "pythia/70m"),
        ("Pythia-70M-deduped", "pythia-deduped/70m-deduped"),
        ("pythia/1.4b", "pythia/1.4b"),
        ("pythia-v1.1-70m", None),
    ],
)
def test_a_declared_model_is_found_by_its_name_its_id_or_its_repository(name, model_id):
    suites = list_suites([packaged_suites_directory()])
    declared = find_declared_model(name, suites)
    assert (f"{declared[0].suite_id}/{declared[1].model_name}" if declared else None) == model_id


@pytest.mark.slow
@pytest.mark.skipif(not PYTHIA.is_dir(), reason="the result files of pythia-70m are not here")
def test_published_files_of_pythia_become_trajectories_that_the_marts_hold(workplace, address, client):
    connection = {
        "TRAILHOUSE_WAREHOUSE_URL": address.url,
        "TRAILHOUSE_WAREHOUSE_USER": address.user,
        "TRAILHOUSE_WAREHOUSE_PASSWORD": address.password,
        "TRAILHOUSE_DATABASE": address.database,
    }
    imported = workplace.run("import", "lm-eval", str(PYTHIA), "--model", "pythia/70m", "--json", **connection)
    assert imported.returncode == 0, imported.stderr
    files = sorted(PYTHIA.glob("*.json"))
    assert json.loads(imported.stdout)["checkpoint_count"] == len(files) > 20
    derived = workplace.run("transform", "--select", "+fct_eval_metric_by_checkpoint", **connection)
    assert derived.returncode == 0, derived.stderr

    for task, metrics in {"piqa": ("acc", "acc_norm"), "lambada_openai": ("ppl", "acc")}.items():
        for metric in metrics:
            expected = []
            for file in files:
                content = json.loads(file.read_text())
                step = int(file.stem.removeprefix("70m_step"))
                values = [content["results"][task][name] for name in (metric, f"{metric}_stderr")]
                expected.append((step, *values, step * 2097152))
            assert client.query(
                "select step, metric_value, standard_error, tokens_seen from fct_eval_metric_by_checkpoint"
                f" where model_id = 'pythia/70m' and task_id = '{task}' and metric = '{metric}' order by step"
            ).result_rows == sorted(expected)


@pytest.mark.slow
def test_a_directory_is_imported_without_its_wrong_files_and_joined_to_the_model_of_its_name(
    workplace, address, client, tmp_path
):
    connection = {
        "TRAILHOUSE_WAREHOUSE_URL": address.url,
        "TRAILHOUSE_WAREHOUSE_USER": address.user,
        "TRAILHOUSE_WAREHOUSE_PASSWORD": address.password,
        "TRAILHOUSE_DATABASE": address.database,
    }
    columns = "suite_id, model_name, batch_tokens, updated_at"
    client.command(
        f"insert into raw_model (model_id, {columns}) values ('known/mine', 'known', 'mine', 8, now64(3, 'UTC'))"
    )
    for model in ("mine", "foreign"):
        for step in (1, 2):
            arguments = {"model_args": f"pretrained=org/{model},revision=step{step}"}
            (tmp_path / f"{model}-{step}.json").write_text(json.dumps({**METRICS, "config": arguments}))
    (tmp_path / "task_config.json").write_text("{}")
    options = ("--batch-tokens", "512", "--parameters", "70", "--json")
    first = workplace.run("import", "lm-eval", str(tmp_path), *options, **connection)
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert (report["file_count"], report["checkpoint_count"], report["changed_count"]) == (4, 4, 4)
    assert report["models"] == ["imported/foreign", "known/mine"]
    assert report["new_models"] == ["imported/foreign"]
    size = "select parameter_count, batch_tokens from raw_model final where model_id = 'imported/foreign'"
    assert client.query(size).result_rows == [(70, 512)]

    (tmp_path / "broken.json").write_text('{"results": {"piqa": {"acc": "high"}}}')
    second = workplace.run("import", "lm-eval", str(tmp_path), **connection)
    assert second.returncode == 4
    assert "1 of 5 files" in second.stderr
    assert "broken.json, field results.piqa.acc" in second.stderr
    assert client.query("select count() from raw_eval_result").result_rows == [(4,)]
