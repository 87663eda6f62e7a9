"""After a change, a build derives what is downstream of it, and leaves what a build of everything leaves."""

import os
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from tests.dbt.test_incremental import STEPS, make_series
from trailhouse.flows.build_marts import build_marts
from trailhouse.flows.build_plan import plan_build, read_record, read_states, write_record
from trailhouse.flows.build_report import find_unchanged
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.loading.build_record import begin_build, finish_build


@pytest.fixture(scope="module")
def settings(warehouse, command_server, tmp_path_factory) -> Settings:
    """Settings of commands that work on the warehouse."""
    return Settings(
        warehouse_url=warehouse.address.url,
        warehouse_user=warehouse.address.user,
        warehouse_password=warehouse.address.password,
        database=warehouse.address.database,
        data_directory=tmp_path_factory.mktemp("data"),
    )


@pytest.fixture(scope="module")
def built(warehouse, settings):
    """A model that is scored on one corpus, and the marts."""
    warehouse.add_corpus("books", {0: 21, 1: 21, 2: 21})
    warehouse.add_model("s/a", STEPS, planned_steps=600)
    warehouse.score("s/a", "books", make_series(0, STEPS))
    report = build_marts((), settings)
    assert (report.reason, report.changed_tables) == ("no complete build is recorded", ())
    assert report.model_count > 190
    return warehouse


def test_a_second_build_builds_nothing(built, settings):
    states = read_states(built.address)
    assert build_marts((), settings).is_unchanged
    assert read_states(built.address) == states


def test_a_new_checkpoint_leaves_what_a_build_of_everything_leaves(built, settings):
    built.add_model("s/a", [600], planned_steps=600)
    built.score("s/a", "books", make_series(0, [*STEPS, 600]), steps=[600])
    report = build_marts((), settings)
    assert set(report.changed_tables) == {
        "raw_suite",
        "raw_model",
        "raw_checkpoint",
        "raw_token_score",
        "raw_score_ledger",
    }
    partial = built.digest()
    assert find_unchanged(settings) is not None
    everything = build_marts((), settings, is_everything=True)
    assert built.digest() == partial
    assert report.seed_count == 0 < everything.seed_count
    assert report.model_count < everything.model_count
    assert report.test_count < everything.test_count


def test_an_imported_result_builds_no_mart_of_token_scores(built, settings):
    before = read_states(built.address)
    built.insert("raw_eval_result", model_id="s/a", step=600, task_id="t", metric="acc", value=0.5)
    report = build_marts((), settings)
    after = read_states(built.address)
    assert report.changed_tables == ("raw_eval_result",)
    assert before["fct_eval_metric_by_checkpoint"] != after["fct_eval_metric_by_checkpoint"]
    assert before["fct_validation_perplexity_by_checkpoint"] == after["fct_validation_perplexity_by_checkpoint"]
    assert before["int_token_series"] == after["int_token_series"]


def test_after_a_killed_build_the_next_builds_everything(built, settings):
    built.insert("raw_eval_result", model_id="s/a", step=500, task_id="t", metric="acc", value=0.25)
    before = read_states(built.address)
    assert read_record(built.address) is not None
    environment = {
        **os.environ,
        "TRAILHOUSE_WAREHOUSE_USER": built.address.user,
        "TRAILHOUSE_WAREHOUSE_PASSWORD": built.address.password,
        "TRAILHOUSE_DATABASE": built.address.database,
    }
    places = ["--warehouse-url", built.address.url, "--data-directory", str(settings.data_directory)]
    with subprocess.Popen(
        [sys.executable, "-m", "trailhouse.cli.main", "transform", *places], env=environment
    ) as build:
        deadline = time.monotonic() + 120
        while {n: s for n, s in read_states(built.address).items() if n in before} == before:
            assert build.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        build.kill()
    plan = plan_build(built.address, {})
    assert (plan.is_everything, plan.reason) == (True, "no complete build is recorded")


def test_a_selection_counts_as_no_build(built, settings):
    build_id = uuid4()
    begin_build(built.client, build_id)
    assert finish_build(built.client, build_id, write_record(built.address, plan_build(built.address, {}).inputs, []))
    assert find_unchanged(settings) is not None
    build_marts(("dim_suite",), settings)
    assert find_unchanged(settings) is None
