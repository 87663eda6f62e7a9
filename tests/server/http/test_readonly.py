"""The statements that are refused to a request that may only read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.execution import Execution
from trailhouse.server.http.readonly import refuse_writing, restrict_to_reading
from trailhouse.server.sql.insert_head import find_insert_head
from trailhouse.server.sql.statement import parse_statement


def make_execution(*, is_readonly: bool, **settings: str) -> Execution:
    return Execution(SimpleNamespace(is_readonly=is_readonly), {}, settings, "id", is_session=True)


def refuses(function, *arguments) -> bool:
    try:
        function(*arguments)
    except ServerError as error:
        return error.code == 164
    return False


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", False), ("SHOW TABLES", False), ("SET a = 1", False), ("USE d", False), ("TABLE t", False),
        ("EXPLAIN SELECT 1", False), ("VALUES (1)", False), ("INSERT INTO t SELECT 1", True), ("DROP TABLE t", True),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", True), ("OPTIMIZE TABLE t", True), ("TRUNCATE t", True),
    ],
)  # fmt: skip
def test_what_may_write_is_refused(statement, expected):
    assert refuses(refuse_writing, parse_statement(statement.encode())) is expected


def test_an_insert_of_rows_is_refused():
    assert refuses(refuse_writing, find_insert_head(b"INSERT INTO t VALUES (1)", is_complete=True))


@pytest.mark.parametrize("is_readonly", [False, True])
def test_kill_is_refused_on_every_handle(is_readonly):
    kill = parse_statement(b"KILL QUERY WHERE 1")
    assert refuses(restrict_to_reading, make_execution(is_readonly=is_readonly), kill)


def test_a_handle_that_can_write_is_made_readonly_for_the_statement():
    select = parse_statement(b"SELECT 1 SETTINGS max_threads = 1")
    for given, expected in (({}, "2"), ({"readonly": "0"}, "2"), ({"readonly": "2"}, "2"), ({"readonly": "1"}, "1")):
        execution = make_execution(is_readonly=False, **given)
        restrict_to_reading(execution, select)
        assert execution.settings["readonly"] == expected
    execution = make_execution(is_readonly=True)
    restrict_to_reading(execution, select)
    assert execution.settings == {}  # a read-only handle needs no setting


def test_a_statement_cannot_set_readonly_itself():
    for settings in (b"readonly = 0", b"max_threads = 1, ReadOnly = 0", b"`readonly` = 0"):
        statement = parse_statement(b"SELECT 1 SETTINGS " + settings)
        assert refuses(restrict_to_reading, make_execution(is_readonly=False), statement)
        assert not refuses(restrict_to_reading, make_execution(is_readonly=True), statement)  # the engine refuses it
