"""One engine in a process of its own: what its handles may do, which of them it keeps, and how it stops queries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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


def test_a_statement_is_written_as_the_parser_of_the_engine_reads_it(seen):
    assert seen["normal"] == "SELECT 1"
    assert seen["not_normal"] == 62


def test_one_query_is_stopped_by_its_id_and_all_queries_at_once(seen):
    assert seen["killed"] == 394
    assert seen["is_other_running"]
    assert seen["killed_with_all"] == 394
