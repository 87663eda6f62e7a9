"""Every raw table in turn is dropped, truncated and emptied. The commands say so, and write its rows again."""

import json
from collections.abc import Iterator

import pytest

from tests.support.command_in_process import prepare_command
from tests.support.tiny_suite import make_suite, make_template
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import packaged_migrations, read_migrations
from trailhouse.warehouse.schema.missing_tables import list_tables

# Tables whose rows the commands below do not write again: imported results, and the record of earlier runs.
NOT_WRITTEN_AGAIN = {"raw_eval_result", "raw_scoring_run"}
# Tables without whose rows nothing is stated: what the ledgers lack is scored, evaluated or audited again.
STATED_NOWHERE = {"raw_eval_result", "raw_score_ledger", "raw_evaluation_ledger", "raw_audit_run", "raw_task_group"}
STATED_NOWHERE |= {"raw_generation_quality", "raw_ngram_score", "build_record"}
TABLES = list_tables(read_migrations(packaged_migrations()))
GENERATORS = ("--small", "lost.yaml/tiny@10", "--large", "lost.yaml/tiny@20")
TASK = [json.dumps({"input": f"which {index}", "options": ["a", "b"], "answer": 0}) for index in range(4)]
VOLATILE = (
    *("scoring_run_id", "duration_seconds", "updated_at", "discovered_at", "scored_at", "evaluated_at", "audited_at"),
    *("audit_run_id", "started_at", "finished_at", "tokens_per_second", "imported_at", "generated_at", "added_at"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("lost")


@pytest.fixture(scope="module")
def lost_address(embedded_server) -> Iterator[WarehouseAddress]:
    found = WarehouseAddress.parse(
        embedded_server.url, "lost_tables", user=embedded_server.user, password=embedded_server.password
    )
    yield found
    with connect(found, needs_database=False) as client:
        client.command("drop database if exists lost_tables sync")


@pytest.fixture
def run(lost_address, command_server, place, monkeypatch, capfd):
    """Run a command in this process; returns its exit code, stdout and stderr."""
    return prepare_command(lost_address, place, monkeypatch, capfd)


def run_ordinary_commands(run) -> None:
    """Run what a user runs anyway. Every command succeeds."""
    for arguments in (
        ("init",),
        ("corpus", "add", "text.txt", "other.txt", "--name", "text"),
        ("score", "lost.yaml", "--corpus", "text"),
        ("evaluate", "lost.yaml", "--tasks", "task.jsonl", "--shots", "0"),
        ("audit", "lost.yaml"),
        ("generate", *GENERATORS, "--prompts", "text", "--preset", "pl", "--sampling", "greedy", "--length", "5"),
        ("task", "group", "add", "mine", "task"),
        ("phases", "count", "--corpus", "text.txt", "--name", "train", "--words"),
        ("phases", "score-ngrams", "text", "--ngrams", "train"),
        ("phases", "similarity", "text", "--vectors", "words.vec"),
    ):
        code, _, err = run(*arguments)
        assert code == 0, (arguments, err)


def read_rows(client, table: str) -> list[tuple]:
    """Return the valid rows of a table, without the columns that differ from run to run.

    Equal rows of audits count once, because an audit that is made again adds the same findings.
    """
    columns = client.query(
        "select name from system.columns where database = currentDatabase() and table = {table:String}"
        " and name not in {volatile:Array(String)}",
        parameters={"table": table, "volatile": list(VOLATILE)},
    ).result_rows
    (engine,) = client.query(
        f"select engine from system.tables where database = currentDatabase() and name = '{table}'"
    ).result_rows[0]
    final = " final" if engine == "ReplacingMergeTree" else ""
    names = ", ".join(name for (name,) in columns)
    chosen = f"{'distinct ' if 'audit' in table else ''}{names}"
    rows = client.query(f"select {chosen} from {table}{final} order by all").result_rows
    return [tuple(map(repr, row)) for row in rows]


@pytest.fixture(scope="module")
def expected() -> dict[str, list[tuple]]:
    """The rows of every table after the ordinary commands; filled by the first test."""
    return {}


@pytest.fixture
def whole(expected, run, lost_address, place) -> dict[str, list[tuple]]:
    """The rows of every table, after the ordinary commands have run once."""
    if not expected:
        make_suite(make_template(place / "template"), place, "lost", [10, 20])
        (place / "text.txt").write_text("the parser reads the file " * 4)
        (place / "other.txt").write_text("the cat sat on the mat " * 4)
        (place / "words.vec").write_text("2 2\nthe 1 2\ncat 3 4\n")
        (place / "task.jsonl").write_text("\n".join(TASK))
        run_ordinary_commands(run)
        with connect(lost_address) as client:
            expected |= {table: read_rows(client, table) for table in TABLES}
    return expected


def test_the_ordinary_commands_fill_every_table_but_imported_results_and_the_last_build(whole):
    assert {table for table, rows in whole.items() if not rows} == {"raw_eval_result", "build_record"}


def read_problems(run) -> tuple[list[dict[str, str]], int, str]:
    """Return the problems that status names, and the exit code and the findings of doctor."""
    code, findings, _ = run("doctor", "--json")
    return json.loads(run("status", "--json")[1])["problems"], code, findings


@pytest.mark.parametrize("table", [table for table in TABLES if table not in STATED_NOWHERE])
def test_rows_that_are_gone_are_named(table, run, whole, lost_address):
    with connect(lost_address) as client:
        client.command(f"create table kept as {table}")
        client.command(f"insert into kept select * from {table}")
        for loss in ("truncate table {}", "delete from {} where 1"):
            client.command(loss.format(table))
            problems, code, findings = read_problems(run)
            assert [problem["hint"] for problem in problems] != [], loss
            assert (code, table in findings) == (4, True), loss
            client.command(f"insert into {table} select * from kept")
        client.command("drop table kept sync")
    assert read_problems(run)[0] == []


@pytest.mark.parametrize("table", TABLES)
def test_the_rows_of_a_dropped_table_are_written_again(table, run, whole, lost_address):
    with connect(lost_address) as client:
        client.command(f"drop table {table} sync")
        problems, code, findings = read_problems(run)
        assert (problems[0]["found"], problems[0]["hint"]) == (
            f"the warehouse lacks the tables {table}",
            "run `trailhouse init`",
        )
        assert (code, table in findings) == (4, True)
        run_ordinary_commands(run)
        after = {name: read_rows(client, name) for name in TABLES}
        assert [name for name in TABLES if after[name] != whole[name] and name not in NOT_WRITTEN_AGAIN] == []
        remaining = read_problems(run)[0]
        assert [problem for problem in remaining if "restore a backup" not in problem["hint"]] == []
        if table == "raw_scoring_run":  # nothing computes this record again, so everything is scored again
            client.command("truncate table raw_score_ledger")
            client.command("truncate table raw_evaluation_ledger")
            run_ordinary_commands(run)
