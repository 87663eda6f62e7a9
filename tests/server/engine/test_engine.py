"""One engine in a process of its own: what its handles may do, which of them it keeps, and how it stops queries."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine import engine as module
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.sql.statement import QUERY_ID_EXPRESSION
from trailhouse.support.quoting import quote_literal

_PROGRAM = """
import json, sys, threading, time
from pathlib import Path
from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine

engine = Engine(Path(sys.argv[1]), memory_limit_bytes=4 << 30)

def find_code(action):
    try:
        action()
    except ServerError as error:
        return error.code
    return 0

seen = {"version": engine.version, "timezone": engine.timezone}
writing, reading = engine.acquire(Role.ADMIN, is_readonly=False), engine.acquire(Role.ADMIN, is_readonly=True)
writing.run("CREATE TABLE t (a Int8) ENGINE = Memory")
seen["writing"] = find_code(lambda: writing.run("INSERT INTO t VALUES (1)"))
seen["reading"] = find_code(lambda: reading.run("INSERT INTO t VALUES (2)"))
seen["unlocking"] = find_code(lambda: reading.run("SET readonly = 0"))
engine.release(writing, is_clean=True)
engine.release(reading, is_clean=False)
seen["is_kept"] = engine.acquire(Role.ADMIN, is_readonly=False) is writing
seen["is_dropped"] = engine.acquire(Role.ADMIN, is_readonly=True) is not reading
reading = engine.acquire(Role.ADMIN, is_readonly=True)
reading.use_database("system")
engine.release(reading, is_clean=True)
seen["is_kept_for_another_database"] = engine.acquire(Role.ADMIN, is_readonly=True) is reading
seen["is_kept_for_its_database"] = engine.acquire(Role.ADMIN, is_readonly=True, database="system") is reading
engine.retire_handles()
engine.release(reading, is_clean=True)
seen["is_kept_after_retirement"] = engine.acquire(Role.ADMIN, is_readonly=True, database="system") is reading
handles = [engine.acquire(Role.ADMIN, is_readonly=True) for _ in range(20)]
for handle in handles:
    engine.release(handle, is_clean=True)
seen["kept_count"] = sum(engine.acquire(Role.ADMIN, is_readonly=True) in handles for _ in range(20))
seen["normal"] = engine.normalize(b"select 1 -- one").decode()
seen["not_normal"] = find_code(lambda: engine.normalize(b"select from from"))

def run_slow(query_id, codes):
    handle = engine.acquire(Role.ADMIN, is_readonly=True)
    query = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sleep(0.01))"
    codes[query_id] = find_code(lambda: handle.run(f"{query} SETTINGS log_comment = '{query_id}'"))

codes = {}
threads = {name: threading.Thread(target=run_slow, args=(name, codes)) for name in ("one", "other")}
for thread in threads.values():
    thread.start()
time.sleep(0.5)
engine.kill("one")
threads["one"].join(20)
seen["killed"], seen["is_other_running"] = codes.get("one"), threads["other"].is_alive()
engine.kill_all()
threads["other"].join(20)
seen["killed_with_all"] = codes.get("other")
print(json.dumps(seen), flush=True)
engine.close()
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict[str, object]:
    """What a program with an engine saw."""
    directory = tmp_path_factory.mktemp("warehouse")
    run = subprocess.run([sys.executable, "-c", _PROGRAM, str(directory)], capture_output=True, text=True, timeout=100)
    assert run.stdout, run.stderr
    return json.loads(run.stdout)


def test_the_engine_states_its_version_and_time_zone(seen):
    assert seen["version"].count(".") >= 2
    assert seen["timezone"]


def test_no_statement_on_a_readonly_handle_writes_or_ends_the_readonly_mode(seen):
    assert (seen["writing"], seen["reading"], seen["unlocking"]) == (0, 164, 164)


def test_only_clean_handles_are_kept_for_later_statements(seen):
    assert seen["is_kept"]
    assert seen["is_dropped"]


def test_a_handle_is_kept_for_requests_of_its_current_database_until_a_database_may_be_gone(seen):
    assert seen["is_kept_for_its_database"]
    assert not seen["is_kept_for_another_database"]
    assert not seen["is_kept_after_retirement"]


def test_a_bounded_number_of_handles_is_kept(seen):
    assert seen["kept_count"] == 16


def test_a_statement_is_written_as_the_parser_of_the_engine_reads_it(seen):
    assert seen["normal"] == "SELECT 1"
    assert seen["not_normal"] == 62


def test_one_query_is_stopped_by_its_id_and_all_queries_at_once(seen):
    assert seen["killed"] == 394
    assert seen["is_other_running"]
    assert seen["killed_with_all"] == 394


class Handle:
    """A stand-in for a handle that records its statements. Statements that contain ``fails`` fail."""

    def __init__(self, connection: object, *, role: Role, is_readonly: bool, generation: int = 0) -> None:
        self.role = role
        self.is_readonly, self.generation, self.database, self.is_closed = is_readonly, generation, "default", False
        self.asked: list[tuple[str, str]] = []

    def run(self, sql: bytes | str, output_format: str = "TabSeparated") -> tuple[bytes, Statistics]:
        text = sql.decode(errors="replace") if isinstance(sql, bytes) else sql
        self.asked.append((text, output_format))
        if "fails" in text:
            raise ServerError(62, "SYNTAX_ERROR", "failed")
        return b"SELECT 1", Statistics()

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def engine(monkeypatch) -> Engine:
    """An engine whose handles are stand-ins."""
    monkeypatch.setattr(module, "Handle", Handle)
    engine = Engine.__new__(Engine)
    engine._connect, engine._address, engine._lock = (lambda address: address), "here", threading.Lock()
    engine._idle = {(role, is_readonly): [] for role in Role for is_readonly in (False, True)}
    engine._generation, engine._memory_limit_bytes, engine._descriptor = 0, 8 << 30, None
    engine._keeper = Handle(None, role=Role.ADMIN, is_readonly=False)
    return engine


def test_idle_handles_are_kept_by_their_kind_up_to_a_number(engine, monkeypatch):
    monkeypatch.setattr(module, "_POOL_SIZE", 2)
    handles = [engine.acquire(Role.ADMIN, is_readonly=is_readonly) for is_readonly in (True, True, True, False)]
    role = ("SET ROLE admin", "TabSeparated")
    assert [handle.asked for handle in handles] == [[role, ("SET readonly = 2", "TabSeparated")]] * 3 + [[role]]
    for handle in handles:
        engine.release(handle, is_clean=True)
    assert [handle.is_closed for handle in handles] == [True, False, False, False]
    again = [engine.acquire(Role.ADMIN, is_readonly=True) for _ in range(3)]
    assert again[:2] == [handles[2], handles[1]]
    assert again[2] not in handles
    assert engine.acquire(Role.ADMIN, is_readonly=False) is handles[3]
    engine.release(again[0], is_clean=False)
    assert again[0].is_closed


def test_a_handle_that_does_not_get_its_limits_is_closed(engine, monkeypatch):
    opened = []

    def open_handle(*arguments: object, **options: object) -> Handle:
        opened.append(Handle(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(module, "Handle", open_handle)
    monkeypatch.setattr(module, "limit_settings", lambda _: {"fails": "1"})
    with pytest.raises(ServerError):
        engine.acquire(Role.DASHBOARDS, is_readonly=True)
    assert [handle.is_closed for handle in opened] == [True]


def test_a_query_is_killed_on_a_handle_that_is_not_used_again(engine):
    kept = engine.acquire(Role.ADMIN, is_readonly=False)
    engine.release(kept, is_clean=True)
    engine.kill("it's")
    _, (sql, output_format) = kept.asked
    literal = quote_literal("it's")
    assert sql == f"KILL QUERY WHERE {QUERY_ID_EXPRESSION} = {literal} ASYNC"
    assert output_format == "Null"
    assert kept.is_closed


def test_a_handle_that_parsed_a_statement_is_kept_unless_the_statement_failed(engine):
    assert engine.normalize(b"select 1 -- \xff") == b"SELECT 1"
    (handle,) = engine._idle[Role.ADMIN, True]
    assert handle.asked[-1][1] == "RawBLOB"
    assert handle.asked[-1][0].endswith(" SETTINGS max_query_size = 16777216")
    with pytest.raises(ServerError):
        engine.normalize(b"fails")
    assert handle.is_closed
    assert not any(engine._idle.values())


def test_all_queries_are_killed_and_all_handles_closed_through_the_engine(engine):
    handles = [engine.acquire(Role.ADMIN, is_readonly=is_readonly) for is_readonly in (True, False)]
    for handle in handles:
        engine.release(handle, is_clean=True)
    engine.kill_all()
    assert engine._keeper.asked == [("KILL QUERY WHERE 1 ASYNC", "Null")]
    engine.close()
    assert [handle.is_closed for handle in (*handles, engine._keeper)] == [True] * 3
    assert not any(engine._idle.values())


@pytest.mark.parametrize(("text", "expected"), [("a\nb", "a"), ("\n a ", "a"), (" ", "no reason given")])
def test_the_first_line_of_a_reason_is_shown(text, expected):
    assert module._first_line(text) == expected
