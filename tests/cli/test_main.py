"""The command line: exit codes, one-line errors, data on stdout and messages on stderr."""

import csv
import io
import json
import socket
import subprocess
import sys

import pyarrow.parquet as pq
import pytest


def test_help_names_every_command(trailhouse):
    exit_code, out, _ = trailhouse("--help")
    assert exit_code == 0
    for name in ("demo", "init", "serve", "score", "transform", "figures", "ask", "sql", "status", "suite", "corpus"):
        assert name in out


def test_sql_prints_a_table_on_stdout_and_nothing_on_stderr(trailhouse):
    exit_code, out, err = trailhouse("sql", "select 7 as seven")
    assert (exit_code, err) == (0, "")
    assert "seven" in out
    assert "7" in out


def test_sql_prints_json_csv_and_parquet(trailhouse, tmp_path):
    statement = "select number as n, concat('a,', number) as text from numbers(2)"
    assert json.loads(trailhouse("sql", statement, "--json")[1]) == [
        {"n": 0, "text": "a,0"},
        {"n": 1, "text": "a,1"},
    ]
    assert list(csv.reader(io.StringIO(trailhouse("sql", statement, "--csv")[1]))) == [
        ["n", "text"],
        ["0", "a,0"],
        ["1", "a,1"],
    ]
    assert trailhouse("sql", statement, "--parquet", str(tmp_path / "rows.parquet"))[0] == 0
    assert pq.read_table(tmp_path / "rows.parquet").to_pydict() == {"n": [0, 1], "text": ["a,0", "a,1"]}


def test_text_of_the_warehouse_is_never_read_as_markup(trailhouse):
    assert "[bold]x[/bold]" in trailhouse("sql", "select '[bold]x[/bold]' as t")[1]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["sql", "selec 1"], 3, "the warehouse refused the statement"),
        (["sql", "select * from nowhere"], 3, "nowhere"),
        (["nonsense"], 2, "No such command"),
        (["sql"], 2, "Missing"),
        (["ask", "nothing-known"], 2, "there is no question"),
        (["ask", "trend_shares_by_start", "--param", "suite_id"], 2, "has no value"),
        (["suite", "show", "no-such-suite"], 2, "no-such-suite"),
        (["figures", "--suite", "s", "--corpus", "c"], 3, "trailhouse transform"),
        (["corpus", "add", "missing.txt", "--name", "c"], 3, "missing.txt"),
    ],
)
def test_an_error_is_one_line_with_its_hint_and_its_exit_code(trailhouse, arguments, exit_code, message):
    code, out, err = trailhouse(*arguments)
    assert code == exit_code
    assert out == ""
    assert message in err
    first, second = err.strip().splitlines()
    assert first.startswith("error: ")
    assert second.startswith("  hint: ")


def test_debug_shows_the_traceback(trailhouse):
    assert "Traceback" in trailhouse("--debug", "sql", "selec 1")[2]


def test_an_unreachable_warehouse_exits_5_and_names_its_address(trailhouse, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    exit_code, _, err = trailhouse("status", "--warehouse-url", f"http://127.0.0.1:{port}")
    assert exit_code == 5
    assert f"http://127.0.0.1:{port}" in err


def test_init_twice_says_what_it_did(trailhouse, monkeypatch, empty_address):
    assert "up to date" in trailhouse("init")[2]
    assert trailhouse("init", "--check")[0] == 0


def test_ask_without_a_name_lists_the_questions(trailhouse):
    rows = json.loads(trailhouse("ask", "--json")[1])
    assert "validation_perplexity_by_step" in {row["question"] for row in rows}


def test_a_corpus_is_added_listed_and_added_again_without_effect(trailhouse, tmp_path):
    (tmp_path / "a.txt").write_text("One document.")
    (tmp_path / "b.txt").write_text("Another document.")
    add = ("corpus", "add", "a.txt", "b.txt", "--name", "pair", "--json")
    assert json.loads(trailhouse(*add)[1]) == {"corpus": "pair", "documents": 2, "is_new": True}
    assert json.loads(trailhouse(*add)[1])["is_new"] is False
    (row,) = json.loads(trailhouse("corpus", "list", "--json")[1])
    assert (row["corpus_id"], row["document_count"], row["byte_count"]) == ("pair", 2, 30)


def test_a_document_that_is_not_utf_8_is_named_and_nothing_is_written(trailhouse, tmp_path):
    (tmp_path / "good.txt").write_text("fine")
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    exit_code, _, err = trailhouse("corpus", "add", "good.txt", "bad.txt", "--name", "c")
    assert exit_code == 3
    assert "bad.txt" in err
    assert json.loads(trailhouse("sql", "select count() as n from raw_document", "--json")[1]) == [{"n": 0}]


def test_status_names_the_warehouse_and_says_how_to_begin(trailhouse, address):
    err = trailhouse("status")[2]
    assert address.url in err
    assert "trailhouse demo" in err


def test_config_show_tells_the_origin(trailhouse):
    rows = json.loads(trailhouse("config", "show", "--origin", "--json")[1])
    origins = {row["name"]: row["origin"] for row in rows}
    assert origins["warehouse_url"] == "environment TRAILHOUSE_WAREHOUSE_URL"
    assert origins["device"] == "default"


def test_the_installed_command_runs():
    result = subprocess.run(
        [sys.executable, "-m", "trailhouse.cli.main", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("trailhouse ")


@pytest.mark.parametrize(
    "statement",
    [
        "drop table raw_suite",
        "/* a */ (truncate table raw_suite",
        " -- a comment\ninsert into raw_suite (suite_id) values ('b')",
        "alter table raw_suite delete where 1",
        "kill query where 1",
        "with 1 as a insert into raw_suite (suite_id) select 'b'",
        "select 1 settings readonly = 0",
    ],
)
def test_sql_changes_nothing_unless_it_is_told_to_write(statement, trailhouse, client):
    client.command("insert into raw_suite (suite_id) values ('a')")
    code, out, err = trailhouse("sql", statement)
    assert (code in (2, 3), out) == (True, ""), err
    assert "--write" in err
    assert client.query("select suite_id from raw_suite").result_rows == [("a",)]


def test_sql_that_writes_says_what_it_changes(trailhouse, client):
    client.command("insert into raw_suite (suite_id) values ('a'), ('b')")
    code, _, err = trailhouse("sql", "--write", "truncate table raw_suite")
    assert code == 0, err
    assert "removes every row of table raw_suite with 2 rows, in database test_" in err
    assert client.query("select count() from raw_suite").result_rows == [(0,)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--json"),
        ("ask", "tasks_by_accuracy", "--param", "suite_id=s"),
        ("corpus", "list", "--json"),
        ("doctor", "--json"),
        ("init", "--check"),
    ],
)
def test_a_command_that_only_reads_sends_no_statement_that_may_write(arguments, trailhouse, monkeypatch):
    from trailhouse.warehouse import connection

    opened = []
    get_client = connection.clickhouse_connect.get_client

    def note_options(**options):
        opened.append(options)
        return get_client(**options)

    monkeypatch.setattr(connection.clickhouse_connect, "get_client", note_options)
    trailhouse(*arguments)
    assert opened
    assert all(options["settings"] == {"readonly": 2} for options in opened)
