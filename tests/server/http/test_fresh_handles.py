"""Clients that take turns get the answers that each of them would get from handles of its own.

The reference is the engine in-process: every session has a connection, and so has every request without a session.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.engine_process import EngineError, EngineProcess

_numbers = itertools.count()
_PROBE = (
    "SELECT currentDatabase(), getSetting('max_block_size'), getSetting('format_csv_delimiter'), "
    "timezone(), toString(toDateTime(0)), currentRoles()"
)
_STATEMENTS = [
    _PROBE,
    "SELECT who FROM place",
    "SELECT sum(a) FROM held",
    "SELECT {x:Int32}",
    "SELECT throwIf(number = 70000) FROM numbers(80000)",
    "SET max_block_size = 77",
    "SET session_timezone = 'Asia/Tokyo', format_csv_delimiter = ';'",
    "SET session_timezone = 'not a zone'",
    "SET param_x = '5'",
    "USE first",
    "USE second",
    "USE nowhere",
    "CREATE TEMPORARY TABLE held (a Int32)",
    "INSERT INTO held VALUES (1), (2)",
    "INSERT INTO held FORMAT TSV\n7\n",
    "DROP TEMPORARY TABLE held",
    "EXPLAIN SYNTAX SELECT 1",
    "SELECT 1 SETTINGS session_timezone = 'Asia/Tokyo', max_block_size = 99",
]


@dataclass(frozen=True)
class Step:
    """One request: the session in which it is sent (None for no session), its statement and its URL's parameters."""

    is_reader: bool
    session: str | None
    statement: str
    database: str | None
    has_setting: bool
    has_parameter: bool


_STEPS = st.builds(
    Step,
    is_reader=st.sampled_from([False, False, True]),
    session=st.sampled_from([None, None, None, "a", "b", "c", "d", "e"]),
    statement=st.one_of(st.just(_PROBE), st.sampled_from(_STATEMENTS)),
    database=st.sampled_from([None, None, "first", "second", "nowhere"]),
    has_setting=st.booleans(),
    has_parameter=st.booleans(),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory, http) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("in_process")) as running:
        for name in ("first", "second"):
            for statement in (
                f"CREATE DATABASE IF NOT EXISTS {name} ENGINE = Atomic",
                f"CREATE TABLE IF NOT EXISTS {name}.place ENGINE = Memory AS SELECT '{name}' AS who",
            ):
                running.run(statement)
                http.post("/", content=statement)
        yield running
        for name in ("first", "second"):
            http.post("/", content=f"DROP DATABASE {name}")


class Reference:
    """The engine in-process, asked step by step with a connection for each session and each other request."""

    def __init__(self, engine: EngineProcess) -> None:
        self._engine = engine
        self._run = next(_numbers)
        self._databases: dict[str, str] = {}

    def answer(self, step: Step) -> str:
        """Return the answer to the step, or the code of its error."""
        session = f"{step.session}" if step.session else f"alone {next(_numbers)}"
        name = f"{self._run} {step.is_reader} {session}"
        if name not in self._databases:
            self._databases[name] = "default"
            if step.is_reader:
                self._engine.run("SET readonly = 2", connection=name)
        try:
            return self._answer(step, name)
        except EngineError as error:
            return re.findall(r"Code: (\d+)", str(error))[-1]

    def _answer(self, step: Step, name: str) -> str:
        before = self._databases[name]
        if step.database is not None:
            self._engine.run(f"USE {step.database}", connection=name)
        try:
            return self._answer_there(step, name)
        finally:
            if step.database is not None and not (step.statement.startswith("USE") and before != self._databases[name]):
                self._engine.run(f"USE {self._databases[name]}", connection=name)

    def _answer_there(self, step: Step, name: str) -> str:
        parameters = {"x": "3"} if step.has_parameter else {}
        statement = step.statement
        if step.has_setting and statement == _PROBE:
            statement += " SETTINGS max_block_size = 55"
        statement = statement.replace("currentRoles()", "['reader']" if step.is_reader else "['admin']")
        answer = self._engine.run(statement, connection=name, **parameters).decode()
        if statement.startswith("USE "):
            self._databases[name] = statement.removeprefix("USE ")
        return answer


def ask(server, http: httpx.Client, step: Step, run: int) -> str:
    """Return the server's answer to the step, or the code of its error."""
    params = {"param_x": "3"} if step.has_parameter else {}
    if step.session is not None:
        params["session_id"] = f"turns {run} {step.session}"
    if step.database is not None:
        params["database"] = step.database
    if step.has_setting:
        params["max_block_size"] = "55"
    answer = http.post(
        "/", params=params, content=step.statement, auth=server.reader if step.is_reader else server.admin
    )
    return answer.headers.get("X-ClickHouse-Exception-Code") or answer.text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, min_size=10, max_size=25))
def test_clients_that_take_turns_find_nothing_of_each_other(server, http, engine, steps):
    reference, run = Reference(engine), next(_numbers)
    for step in steps:
        assert ask(server, http, step, run) == reference.answer(step), step


def test_a_new_session_starts_in_the_default_database_after_queries_in_another_one(server, http, engine):
    for client in (server.admin, server.reader):
        for _ in range(20):
            http.post("/", params={"database": "first"}, content="SELECT 1", auth=client)
    for number, client in enumerate((server.admin, server.reader) * 20):
        answer = http.post("/", params={"session_id": f"new {number}"}, content="SELECT currentDatabase()", auth=client)
        assert answer.text == "default\n"


def test_a_database_that_was_dropped_is_missed_by_the_next_request(http):
    for removing in ("DROP DATABASE gone", "RENAME DATABASE gone TO gone_too", "DETACH DATABASE gone"):
        http.post("/", content="CREATE DATABASE gone ENGINE = Atomic")
        assert http.post("/", params={"database": "gone"}, content="SELECT 1").text == "1\n"
        assert http.post("/", content=removing).status_code == 200
        assert http.post("/", params={"database": "gone"}, content="SELECT 1").status_code == 404
        http.post("/", content="ATTACH DATABASE gone")
        http.post("/", content="DROP DATABASE IF EXISTS gone")
        http.post("/", content="DROP DATABASE IF EXISTS gone_too")


def test_a_session_keeps_its_database_though_a_request_chooses_another_one(http):
    session = {"session_id": "two databases"}
    for name in ("one_database", "other_database"):
        http.post("/", content=f"CREATE DATABASE {name} ENGINE = Atomic")
    http.post("/", params=session, content="USE one_database")
    drop = http.post("/", params={**session, "database": "other_database"}, content="DROP DATABASE one_database")
    assert drop.status_code == 200
    answer = http.post("/", params=session, content="SELECT currentDatabase()")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "81"
    assert http.post("/", params=session, content="USE other_database").status_code == 200
    assert http.post("/", params=session, content="SELECT currentDatabase()").text == "other_database\n"
    http.post("/", content="DROP DATABASE other_database")
