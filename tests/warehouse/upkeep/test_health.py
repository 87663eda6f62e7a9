"""Health checks: each check finds its own kind of problem, and no other check does."""

import json
import socket
import uuid
from datetime import UTC, datetime

import pytest

from tests.support.sample_load import load_everything, load_step, make_batches, scored_partition
from trailhouse.server.process import ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.score_ledger import load_scores
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.health import examine_warehouse
from trailhouse.warehouse.upkeep.server_comparison import Difference, choose_formats, compare_answers, generate_queries

MIGRATIONS = read_migrations(packaged_migrations())


@pytest.fixture(scope="module")
def client(embedded_server):
    """A client of a database with two scored checkpoints; every test undoes its changes."""
    address = WarehouseAddress.parse(
        embedded_server.url, f"health_{uuid.uuid4().hex}", user=embedded_server.user, password=embedded_server.password
    )
    apply_migrations(address, MIGRATIONS)
    load_everything(address)
    with connect(address) as opened:
        register(opened)
        opened.command("create table fct_validation_perplexity_by_checkpoint (x Int32) engine = Memory")
        opened.command("drop table fct_validation_perplexity_by_checkpoint")
        yield opened
        opened.command(f"drop database {address.database} sync")


def register(client):
    """Write what the ledger names: the model, its checkpoints, the runs, and a token for each score."""
    client.command("insert into raw_model (model_id, suite_id) values ('s/m', 's')")
    client.command("insert into raw_checkpoint (model_id, step) select model_id, step from raw_score_ledger")
    client.command("insert into raw_scoring_run (scoring_run_id) select scoring_run_id from raw_score_ledger")
    client.command(
        "insert into raw_token (tokenizer_id, corpus_id, document_id, position)"
        " select 'tokenizer', corpus_id, document_id, position from raw_token_score where step = 1"
    )


def examine(client, migrations=MIGRATIONS):
    """Return verdict and text of the findings that are not ok, by check."""
    findings = examine_warehouse(client, migrations)
    assert all(finding.hint for finding in findings if finding.verdict != "ok")
    return {finding.check: (finding.verdict, finding.found) for finding in findings if finding.verdict != "ok"}


def test_a_healthy_warehouse_lacks_only_its_marts(client):
    assert examine(client) == {"marts": ("warning", "nothing is derived yet")}


def test_a_missing_migration_is_a_problem(client):
    later = [*MIGRATIONS, type(MIGRATIONS[0])(9999, "later", "create table later (x Int32) engine = Memory;\n")]
    assert examine(client, later)["migrations"] == ("problem", f"1 of {len(later)} missing")


@pytest.mark.parametrize(
    "damage",
    [
        "alter table raw_token_score drop partition tuple('s/m', 'few', 1)",
        "delete from raw_token_score where step = 1 and position = 7 and document_id = 2",
        "alter table raw_token_score update log_prob_quanta = log_prob_quanta - 100"
        " where step = 1 and position = 7 and document_id = 2 settings mutations_sync = 2",
    ],
)
def test_scores_that_are_not_what_the_ledger_says_are_a_problem(client, damage):
    client.command(damage)
    verdict, found = examine(client)["ledger and scores"]
    assert (verdict, found.partition(":")[0]) == (
        "problem",
        "1 of 2 checkpoints do not hold the scores the ledger says",
    )
    assert "s/m step 1 on few" in found
    load_step(client, 1)
    assert "ledger and scores" not in examine(client)


def test_scores_without_a_ledger_entry_are_named(client):
    client.command("delete from raw_score_ledger where step = 2")
    verdict, found = examine(client)["scores without ledger"]
    assert verdict == "warning"
    assert "s/m step 2 on few" in found
    load_scores(client, scored_partition(2), make_batches(2), uuid.uuid4(), datetime.now(UTC))
    assert "scores without ledger" not in examine(client)


def test_staging_tables_and_databases_of_killed_work_are_named(client):
    two_megabytes = "select randomString(1000) from numbers(2000)"
    client.command(f"create table stage_left engine = MergeTree order by () as {two_megabytes}")
    client.command(f"create database restored_{client.database}_x")
    owner = json.dumps({"host": socket.gethostname(), "process": "1:1", "at": 0})
    client.command(f"create database snapshot_{client.database}_00000001 comment '{owner}'")
    found = examine(client)
    client.command("drop table stage_left")
    client.command(f"drop database restored_{client.database}_x")
    client.command(f"drop database snapshot_{client.database}_00000001")
    assert found["abandoned staging tables"][1] == "1 staging tables with 2.0 MB"
    assert f"restored_{client.database}_x" in found["abandoned restores"][1]
    assert f"snapshot_{client.database}_00000001" in found["abandoned snapshots"][1]


def test_marts_that_are_older_than_scores_are_named(client):
    client.command("create table fct_validation_perplexity_by_checkpoint (x Int32) engine = Memory")
    assert "marts" not in examine(client)
    client.command("insert into raw_score_ledger (model_id, step, scored_at, is_complete, score_count)"
                   " values ('s/new', 1, now() + 60, true, 0)")  # fmt: skip
    assert examine(client)["marts"][1].startswith("1 of 3 checkpoints were scored after")
    client.command("drop table fct_validation_perplexity_by_checkpoint")
    client.command("delete from raw_score_ledger where model_id = 's/new'")


def test_a_warehouse_without_tables_gives_findings_instead_of_an_error(embedded_server):
    address = WarehouseAddress.parse(
        embedded_server.url, "default", user=embedded_server.user, password=embedded_server.password
    )
    with connect(address) as client:
        found = examine(client)
    assert found["migrations"][0] == "problem"
    assert found["ledger and scores"][0] == "problem"


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A client of a second server."""
    directory = tmp_path_factory.mktemp("other")
    endpoint = ensure_running(directory)
    address = WarehouseAddress.parse(endpoint.url, "default", user=endpoint.user, password=endpoint.password)
    with connect(address) as opened:
        yield opened
    stop(directory)


def test_two_servers_of_one_engine_answer_alike(client, other):
    asked = choose_formats(generate_queries()[::25])
    assert list(compare_answers(client, other, asked)) == [None] * len(asked)


def test_a_server_that_answers_otherwise_is_found(client, other):
    asked = choose_formats(["SELECT toInt64(1) AS x", "SELECT 'a' AS x"])
    other.set_client_setting("output_format_tsv_crlf_end_of_line", 1)
    answers = list(compare_answers(client, other, asked))
    assert answers[0] == Difference(asked[0][0], "TabSeparated", "1\\n", "1\\r\\n")
    differing = {output_format for (_, output_format), answer in zip(asked, answers, strict=True) if answer is not None}
    assert differing == {"TabSeparated", "TabSeparatedWithNamesAndTypes"}
