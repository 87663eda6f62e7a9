"""The rows of a failed query are never part of another query's answer."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import httpx
import pytest

from tests.support.failing_queries import FAILING, FORMATS, without_timings

_FAIL_AND_ASK_AGAIN = f"""
import sys
from pathlib import Path
from trailhouse.server.access.credentials import Role
from trailhouse.server.engine.engine import Engine
from trailhouse.server.clickhouse_errors import ServerError

engine = Engine(Path(sys.argv[1]), memory_limit_bytes=4 << 30)

def fail_then_ask(discards):
    handle = engine.acquire(Role.ADMIN, is_readonly=False)
    try:
        handle.run("{FAILING}", "TabSeparated")
    except ServerError:
        pass
    if discards:
        handle.discard_leftovers()
    answer = handle.run("SELECT 42", "TabSeparated")[0]
    handle.close()
    return answer

print(len(fail_then_ask(False)) > 3, fail_then_ask(True) == b"42\\n")
engine.close()
"""


def test_a_handle_returns_the_rows_of_a_failed_query_unless_they_are_discarded(tmp_path):
    # The program prints two values. The first is True as long as chDB has the fault. Once it is False,
    # discard_leftovers can be deleted.
    run = subprocess.run(
        [sys.executable, "-c", _FAIL_AND_ASK_AGAIN, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert run.stdout.split() == ["True", "True"], run.stderr


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("session", [None, "stale"])
@pytest.mark.parametrize("wait_end_of_query", ["0", "1"])
def test_the_query_after_a_failed_one_gets_only_its_own_answer(http, output_format, session, wait_end_of_query):
    options = {"wait_end_of_query": wait_end_of_query} | ({"session_id": session} if session else {})
    canary = http.post("/", params=options, content=f"SELECT 42 AS x FORMAT {output_format}").content
    for _ in range(2):
        with contextlib.suppress(httpx.RemoteProtocolError):  # the server cuts off a result that has begun
            assert http.post("/", params=options, content=f"{FAILING} FORMAT {output_format}").status_code == 500
        again = http.post("/", params=options, content=f"SELECT 42 AS x FORMAT {output_format}").content
        assert without_timings(again) == without_timings(canary)


def test_a_failed_direct_statement_leaves_its_session_clean(http):
    for statement in ["EXPLAIN SELECT * FROM nowhere", "INSERT INTO nowhere SELECT 1", "SELECT nothing"]:
        assert http.post("/", params={"session_id": "direct"}, content=statement).status_code == 404
        answer = http.post("/", params={"session_id": "direct"}, content="EXPLAIN SYNTAX SELECT 42")
        assert answer.text == "SELECT 42\\nFROM system.one\n"
