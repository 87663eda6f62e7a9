"""Sessions: the state that they keep, their owner, and their end."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from types import SimpleNamespace

import httpx
import pytest

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine import sessions
from trailhouse.server.engine.sessions import SessionTable


class Engine:
    """A stand-in for the engine, whose handles record that they were closed."""

    def __init__(self) -> None:
        self.handles: list[SimpleNamespace] = []

    def acquire(self, role: Role, *, is_readonly: bool) -> SimpleNamespace:
        handle = SimpleNamespace(role=role, is_readonly=is_readonly, is_closed=False)
        handle.close = lambda: setattr(handle, "is_closed", True)
        self.handles.append(handle)
        return handle


async def use(
    table: SessionTable, name: str, timeout: float = 60, *, role: Role = Role.ADMIN, must_exist: bool = False
) -> SimpleNamespace:
    """Acquire and release a session, and return its handle."""
    session = await table.acquire(role, name, timeout, must_exist=must_exist, has_answered=lambda: False)
    table.release(role, name)
    return session.handle


def code_of(coroutine) -> int:
    with pytest.raises(ServerError) as caught:
        asyncio.run(coroutine)
    return caught.value.code


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_a_session_keeps_its_settings_database_and_temporary_tables(http):
    session = {"session_id": str(uuid.uuid4())}
    ask(http, "SET max_block_size = 777", **session)
    ask(http, "USE system", **session)
    ask(http, "CREATE TEMPORARY TABLE kept AS SELECT 7 AS x", **session)
    assert ask(http, "SELECT getSetting('max_block_size'), currentDatabase(), x FROM kept", **session).text == (
        "777\tsystem\t7\n"
    )
    assert ask(http, "SELECT x FROM kept").status_code == 404


def test_a_session_of_one_user_is_not_another_users(http, reader_http):
    ask(http, "CREATE TEMPORARY TABLE mine AS SELECT 7 AS x", session_id="shared")
    assert ask(reader_http, "SELECT * FROM mine", session_id="shared").status_code == 404


def test_a_session_runs_one_query_at_a_time(http):
    session = {"session_id": "busy"}
    slow = threading.Thread(target=ask, args=(http, "SELECT sleep(1)"), kwargs=session)
    slow.start()
    time.sleep(0.3)
    assert ask(http, "SELECT 1", **session).headers["X-ClickHouse-Exception-Code"] == "373"
    slow.join()
    assert ask(http, "SELECT 1", **session).text == "1\n"


def test_a_session_ends_when_its_time_is_over(http):
    assert ask(http, "SELECT 1", session_id="never", session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"
    ask(http, "SELECT 1", session_id="short", session_timeout="1")
    assert ask(http, "SELECT 1", session_id="short", session_check="1", session_timeout="1").text == "1\n"
    time.sleep(2.6)
    assert ask(http, "SELECT 1", session_id="short", session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"
    assert ask(http, "SELECT 1", session_id="long", session_timeout="3601").status_code == 500


def test_a_session_has_one_handle_of_its_role_until_it_is_closed():
    engine = Engine()
    table = SessionTable(engine)

    async def run() -> None:
        first, again = await use(table, "a"), await use(table, "a")
        other, reading = await use(table, "b"), await use(table, "a", role=Role.READER)
        assert first is again
        assert [first, other, reading] == engine.handles
        assert [handle.is_readonly for handle in engine.handles] == [False, False, True]
        assert [handle.role for handle in engine.handles] == [Role.ADMIN, Role.ADMIN, Role.READER]
        table.close_expired()
        assert not any(handle.is_closed for handle in engine.handles)
        assert await use(table, "b", 0) is other  # a timeout of 0 closes the session
        assert [handle.is_closed for handle in engine.handles] == [False, True, False]
        table.close()
        assert all(handle.is_closed for handle in engine.handles)
        assert await use(table, "a") is not first

    asyncio.run(run())


def test_a_session_expires_at_its_last_timeout_unless_it_is_busy(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    table = SessionTable(Engine())

    async def run() -> None:
        await use(table, "a", 60)
        handle = await use(table, "a", 10)
        now[0] = 109.9
        table.close_expired()
        assert not handle.is_closed
        now[0] = 110.0
        await table.acquire(Role.ADMIN, "a", 10, must_exist=True, has_answered=lambda: False)
        table.close_expired()
        assert not handle.is_closed  # a query runs in it
        table.release(Role.ADMIN, "a")
        table.close_expired()
        assert not handle.is_closed
        now[0] = 120.0
        table.close_expired()
        assert handle.is_closed

    asyncio.run(run())


def test_a_missing_session_is_an_error_only_if_it_must_exist():
    table = SessionTable(Engine())
    assert code_of(use(table, "a", must_exist=True)) == 372
    asyncio.run(use(table, "a"))
    asyncio.run(use(table, "a", must_exist=True))
    assert code_of(use(table, "a", must_exist=True, role=Role.READER)) == 372


def test_the_number_of_sessions_is_limited(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    table = SessionTable(Engine())
    asyncio.run(use(table, "a"))
    asyncio.run(use(table, "b"))
    assert code_of(use(table, "c")) == 202
    asyncio.run(use(table, "a"))  # open sessions can still be used


@pytest.mark.parametrize("has_answered", [False, True])
def test_the_next_query_waits_only_for_one_whose_answer_is_complete(has_answered):
    table = SessionTable(Engine())

    async def run() -> object:
        await use(table, "a")
        session = await table.acquire(Role.ADMIN, "a", 60, must_exist=False, has_answered=lambda: has_answered)
        asyncio.get_running_loop().call_later(0.05, table.release, Role.ADMIN, "a")
        following = await table.acquire(Role.ADMIN, "a", 60, must_exist=False, has_answered=lambda: False)
        assert following is session
        assert following.is_busy
        await table.acquire(Role.ADMIN, "a", 60, must_exist=False, has_answered=lambda: False)

    assert code_of(run()) == 373


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("INSERT INTO {table:Identifier} FORMAT CSV\n1,a\n", "1\ta\n"),
        ("INSERT INTO {table:Identifier} (a, b) VALUES ({number:Int64}, 'b')", "7\tb\n"),
        ("INSERT INTO {table:Identifier} SELECT {number:Int64}, 'c'", "7\tc\n"),
        ("INSERT INTO {table:Identifier} FORMAT CSV\nnone,a\n", ""),
    ],
)
def test_the_parameters_of_an_insert_do_not_stay_in_the_session(http, table, statement, rows):
    session = {"session_id": str(uuid.uuid4())}
    answer = ask(http, statement, param_table=table, param_number="7", **session)
    assert answer.is_success == bool(rows), answer.text
    assert ask(http, f"SELECT a, b FROM {table}").text == rows
    for parameter in ("table", "number"):
        later = ask(http, f"SELECT {{{parameter}:String}}", **session)
        assert later.headers["X-ClickHouse-Exception-Code"] == "456", later.text


def test_a_thousand_sessions_may_be_open_and_each_lasts_a_minute_by_default():
    assert sessions.MAX_SESSIONS == 1000
    assert sessions.Session(SimpleNamespace()).timeout_seconds == 60
    assert sessions.Session(SimpleNamespace()).expires_at == 0
