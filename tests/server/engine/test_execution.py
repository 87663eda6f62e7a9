"""The statements by which an execution sets settings, runs, and restores settings, as a handle gets them."""

from __future__ import annotations

import json

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.execution import Execution, apply_settings, run_direct
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.sql.settings_clause import format_settings
from trailhouse.server.sql.statement import parse_statement

_MARK = "log_comment = 'id'"


class Handle:
    """Records the statements, and answers those about settings and the current database."""

    def __init__(self, **changed: str) -> None:
        self.asked: list[str] = []
        self.changed = changed
        self.database = "before"
        self.has_own_state = False
        self.fails_at: str | None = None

    def run(self, sql, output_format="TabSeparated", parameters=None):
        text = sql.decode() if isinstance(sql, bytes) else sql
        self.asked.append(text)
        if self.fails_at is not None and self.fails_at in text:
            raise ServerError(1, "NAME", "failed")
        if "system.settings" in text:
            rows = [{"name": name, "value": value, "changed": 1} for name, value in self.changed.items()]
            rows.append({"name": "default_one", "value": "9", "changed": 0})
            return "\n".join(map(json.dumps, rows)).encode(), Statistics()
        return (b"now" if "currentDatabase" in text else b"rows"), Statistics(read_rows=1)


def make(handle: Handle, *, is_session: bool, **settings: str) -> Execution:
    return Execution(handle, {"p": "1"}, settings, "id", is_session)


def test_the_mark_is_the_query_id_and_the_clients_own_comment():
    assert make(Handle(), is_session=False).mark == {"log_comment": "id"}
    own = make(Handle(), is_session=False, log_comment="mine", a="1")
    assert own.mark == {"log_comment": "id\nmine"}
    assert own.all_settings == {"a": "1", "log_comment": "id\nmine"}


def test_settings_are_written_as_sql():
    assert format_settings({}) == ""
    assert format_settings({"a": "1", "b": "it's \\ \0"}) == "a = '1', b = 'it\\'s \\\\ \\0'"
    assert format_settings({"a": "$x$"}) == "a = '\\x24x\\x24'"


def test_without_a_session_the_settings_are_set_and_the_handle_is_not_used_again():
    handle = Handle()
    with apply_settings(make(handle, is_session=False, a="1")):
        pass
    assert handle.asked == [f"SET a = '1', {_MARK}"]


@pytest.mark.parametrize("fails", [False, True])
def test_in_a_session_the_settings_of_before_come_back(fails):
    handle = Handle(a="it's", log_comment="old")
    try:
        with apply_settings(make(handle, is_session=True, a="1", default_one="2", unknown="3")):
            assert len(handle.asked) == 2
            if fails:
                raise ServerError(1, "NAME", "failed")
    except ServerError:
        assert fails
    assert "name IN ('a', 'default_one', 'unknown', 'log_comment')" in handle.asked[0]
    assert handle.asked[1] == f"SET a = '1', default_one = '2', unknown = '3', {_MARK}"
    assert handle.asked[2:] == [
        "SET a = 'it\\'s'",
        "SET default_one = DEFAULT",
        "SET unknown = DEFAULT",
        "SET log_comment = 'old'",
    ]


def test_one_setting_that_cannot_come_back_does_not_keep_the_others():
    handle = Handle()
    with apply_settings(make(handle, is_session=True, a="1", b="2")):
        handle.fails_at = "SET a"
    assert handle.asked[-2:] == ["SET b = DEFAULT", "SET log_comment = DEFAULT"]


def test_a_statement_runs_between_its_settings():
    handle = Handle()
    output = run_direct(make(handle, is_session=False, a="1"), parse_statement(b"DROP TABLE t"), "CSV")
    assert output == (b"rows", Statistics(read_rows=1))
    assert handle.asked == [f"SET a = '1', {_MARK}", "DROP TABLE t"]


@pytest.mark.parametrize(
    ("statement", "is_session", "asked", "database"),
    [
        ("SET b = 1", True, [], "before"),
        ("USE d", True, ["SELECT currentDatabase()"], "now"),
        ("USE d", False, [], "before"),
    ],
)
def test_set_and_use_change_the_session_itself(statement, is_session, asked, database):
    handle = Handle()
    output = run_direct(make(handle, is_session=is_session, a="1"), parse_statement(statement.encode()), "CSV")
    assert output[0] == b"rows"
    assert handle.asked == [statement, *asked]
    assert handle.database == database


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SET b = 1", True),
        ("create temporary table t (a Int8)", True),
        ("DROP TABLE t", False),
        ("USE d", False),
        ("EXPLAIN SELECT 1", False),
    ],
)
def test_settings_and_temporary_tables_are_the_handles_own_state(statement, expected):
    handle = Handle()
    run_direct(make(handle, is_session=True), parse_statement(statement.encode()), "CSV")
    assert handle.has_own_state is expected
    run_direct(make(handle, is_session=True), parse_statement(b"DROP TABLE t"), "CSV")
    assert handle.has_own_state is expected
