"""A poll of the standing service derives and publishes what is new, once, and tries again after a failure."""

import json
import shutil
from uuid import uuid4

import pytest

from trailhouse.flows.build_plan import plan_build, write_record
from trailhouse.flows.build_report import BuildReport
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import load_settings
from trailhouse.flows.watch_checkpoints import Derivation, derive_new
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.build_record import begin_build, finish_build

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def scored(trailhouse, make_tiny_suite, tmp_path):
    """A suite that was audited and scored."""
    (tmp_path / "a.txt").write_text("the cat sat on the mat")
    suite = make_tiny_suite("looked", [10, 20])
    assert trailhouse("corpus", "add", "a.txt", "--name", "text")[0] == 0
    assert trailhouse("score", str(suite.declaration), "--corpus", "text")[0] == 0
    assert trailhouse("audit", str(suite.declaration), "--skip-values")[0] == 0
    return suite


@pytest.fixture
def built() -> list[tuple[str, ...]]:
    """The selections of the builds so far."""
    return []


@pytest.fixture
def build(built):
    """A build that derives nothing and is recorded as successful."""

    def succeed(select, settings) -> BuildReport:
        built.append(select)
        address = resolve_address(settings)
        record, build_id = write_record(address, plan_build(address, {}).inputs, []), uuid4()
        with connect(address) as client:
            begin_build(client, build_id)
            finish_build(client, build_id, record)
        return BuildReport(1, 0, 0, 0.0, reason="asked for")

    return succeed


def test_evaluations_and_imports_bring_a_derivation_without_any_score(
    make_tiny_suite, trailhouse, tmp_path, built, build
):
    assert trailhouse("init")[0] == 0
    assert derive_new(load_settings(), build) == Derivation(), "there is nothing to derive"
    (tmp_path / "own.jsonl").write_text('{"input": "the cat", "options": ["sat", "mat"], "answer": 1}\n' * 2)
    suite = make_tiny_suite("evaluated", [10])
    assert trailhouse("evaluate", str(suite.declaration), "--tasks", "own.jsonl", "--shots", "0")[0] == 0
    assert derive_new(load_settings(), build).marts is not None
    assert derive_new(load_settings(), build) == Derivation()
    result = {
        "results": {"some_task": {"alias": "some_task", "acc,none": 0.5, "acc_stderr,none": 0.1}},
        "config": {"model_args": "pretrained=evaluated/tiny,revision=step10"},
        "versions": {"some_task": 1},
        "n-shot": {"some_task": 0},
    }
    (tmp_path / "results_1.json").write_text(json.dumps(result))
    code, _, err = trailhouse("import", "lm-eval", "results_1.json", "--model", "evaluated/tiny", "--step", "10")
    assert code == 0, err
    assert derive_new(load_settings(), build).marts is not None
    assert len(built) == 2


def test_looks_publish_once_and_an_audit_that_finds_something_else_brings_the_next(
    scored, trailhouse, client, built, build
):
    looks = [derive_new(load_settings(), build) for _ in range(2)]
    assert (looks[0].marts is None, looks[1], built) == (False, Derivation(), [()])
    count = "select (select count() from raw_checkpoint_audit), (select count() from raw_audit_run)"
    before = client.query(count).result_rows
    assert trailhouse("audit", str(scored.declaration), "--skip-values")[0] == 0
    assert client.query(count).result_rows == before
    assert derive_new(load_settings(), build) == Derivation()
    shutil.rmtree(scored.step(10))
    assert trailhouse("audit", str(scored.declaration), "--skip-values")[0] == 4
    assert derive_new(load_settings(), build).marts is not None
    assert len(built) == 2

    silent = load_settings(superset_url=NOWHERE, superset_password="unheard")
    (silent.data_directory / "dbt" / "published_build.txt").unlink()
    failed = [derive_new(silent, build) for _ in range(2)]
    assert all(NOWHERE in look.error for look in failed), "a Superset that does not answer is told, and tried again"
    mended = [derive_new(load_settings(), build, refresh=lambda _: 7) for _ in range(2)]
    assert mended == [Derivation(None, 7), Derivation()]
    assert len(built) == 2, "what is derived is not derived again because it could not be shown"
