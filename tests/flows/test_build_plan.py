"""What a build of the marts must derive: nothing, what is downstream of changed raw tables, or everything."""

import json
from uuid import uuid4

import pytest

from trailhouse.flows import build_plan
from trailhouse.flows.build_plan import plan_build, read_states, write_record
from trailhouse.warehouse.loading.build_record import begin_build, finish_build

DERIVED = ("dim_model", "fct_shown")


@pytest.fixture
def record(client):
    """A function that stores a text as the record of a successful build."""

    def store(text: str) -> None:
        build_id = uuid4()
        begin_build(client, build_id)
        assert finish_build(client, build_id, text)

    return store


@pytest.fixture
def recorded(address, client, record):
    """A warehouse after a recorded build, which left one table and one view; a function that plans the next build."""
    client.command("create table dim_model (model_id String) engine = MergeTree order by model_id")
    client.command("create view fct_shown as select model_id from dim_model")
    record(write_record(address, plan_build(address, {}).inputs, DERIVED))
    return lambda variables=None: plan_build(address, variables or {})


def test_without_a_record_everything_is_built(address):
    plan = plan_build(address, {})
    assert (plan.is_everything, plan.is_nothing, plan.selection) == (True, False, [])
    assert plan.reason == "no complete build is recorded"


def test_nothing_is_built_if_nothing_changed(recorded):
    assert recorded().is_nothing


def test_a_changed_raw_table_selects_what_is_downstream_of_its_source(recorded, client):
    client.command("insert into raw_score_ledger (model_id) values ('s/a')")
    client.command("insert into raw_eval_result (model_id) values ('s/a')")
    plan = recorded()
    assert plan.selection == ["source:evaluation.raw_eval_result+", "source:scoring.raw_score_ledger+"]
    assert (plan.is_everything, plan.derived_tables) == (False, DERIVED)


def test_rows_that_arrive_during_a_build_are_new_to_the_next(recorded, record, address, client):
    inputs = recorded().inputs
    client.command("insert into raw_corpus (corpus_id) values ('late')")
    record(write_record(address, inputs, DERIVED))
    assert recorded().selection == ["source:corpora.raw_corpus+"]


def test_a_raw_table_that_dbt_does_not_read_changes_nothing(recorded, client):
    client.command("create table raw_other (k String) engine = MergeTree order by k")
    assert recorded().is_nothing


@pytest.mark.parametrize(
    "change",
    [
        "drop table dim_model sync",
        "insert into dim_model values ('s/a')",
        "create or replace view fct_shown as select model_id from dim_model where model_id != 's/a'",
    ],
)
def test_a_mart_that_is_not_as_the_build_left_it_brings_a_build_of_everything(recorded, client, change):
    client.command(change)
    plan = recorded()
    assert plan.is_everything
    assert plan.reason in ("not as the last build left it: dim_model", "not as the last build left it: fct_shown")


def test_other_variables_bring_a_build_of_everything(recorded):
    plan = recorded({"include_damaged_checkpoints": True})
    assert (plan.is_everything, plan.reason) == (True, "changed since the last build: the variables of dbt")


def test_a_changed_dbt_project_brings_a_build_of_everything(recorded, tmp_path, monkeypatch):
    project = tmp_path / "project"
    for file in sorted(build_plan.project_directory().rglob("*__sources.yml")):
        copy = project / file.relative_to(build_plan.project_directory())
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(build_plan, "project_directory", lambda: project)
    plan = recorded()
    assert (plan.is_everything, plan.reason) == (True, "changed since the last build: the dbt project")


def test_another_version_of_a_program_brings_a_build_of_everything(recorded, monkeypatch):
    monkeypatch.setattr(build_plan, "version", lambda _: "0.0")
    plan = recorded()
    assert (plan.is_everything, plan.reason) == (True, "changed since the last build: the versions of the programs")


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"program": {}}), json.dumps({"program": 3})])
def test_a_damaged_record_brings_a_build_of_everything(recorded, record, content):
    record(content)
    assert recorded().is_everything


def test_every_source_of_the_project_is_a_raw_table(address):
    assert set(build_plan.source_names()) <= set(read_states(address))


def test_a_build_that_began_and_did_not_finish_leaves_no_record(recorded, client):
    begin_build(client, uuid4())
    assert recorded().reason == "no complete build is recorded"


def test_a_build_is_not_recorded_if_another_began_meanwhile(recorded, client):
    first, second = uuid4(), uuid4()
    begin_build(client, first)
    begin_build(client, second)
    assert not finish_build(client, first, "{}")
    assert recorded().is_everything
