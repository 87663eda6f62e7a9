"""Starting, finding, stopping and killing servers."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.server.process import ensure_running, find_running, stop
from trailhouse.server.serve import serve
from trailhouse.support.processes import is_alive

pytestmark = pytest.mark.server


def ask(endpoint, query, **options) -> httpx.Response:
    return httpx.post(endpoint.url, auth=(endpoint.user, endpoint.password), content=query, timeout=60, **options)


def ask_and_be_cut_off(endpoint, query):
    with contextlib.suppress(httpx.HTTPError):
        ask(endpoint, query)


def wait_until_running(endpoint) -> None:
    """Wait until the engine runs a query with sleep, at most 20 s."""
    running = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum%' AND query NOT LIKE '%processes%'"
    deadline = time.monotonic() + 20
    while ask(endpoint, running).text != "1\n":
        assert time.monotonic() < deadline


def pid_of(directory) -> int:
    return json.loads((directory / "server.json").read_text())["pid"]


def test_two_callers_at_once_get_the_same_server_and_stop_ends_it(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        endpoints = list(pool.map(lambda _: ensure_running(tmp_path), range(4)))
    assert len({endpoint.url for endpoint in endpoints}) == 1
    assert find_running(tmp_path) == endpoints[0]
    assert stop(tmp_path)
    assert find_running(tmp_path) is None
    assert not stop(tmp_path)


def test_a_copy_of_the_directory_of_a_running_server_has_a_server_of_its_own(tmp_path):
    original, copy = tmp_path / "original", tmp_path / "copy"
    endpoint = ensure_running(original)
    ask(endpoint, "CREATE TABLE kept (a Int64) ENGINE = MergeTree ORDER BY a")
    shutil.copytree(original, copy, symlinks=True)
    other = ensure_running(copy)
    try:
        assert other.url != endpoint.url
        ask(other, "DROP TABLE kept")
        assert ask(endpoint, "SELECT count() FROM kept").text == "0\n"
    finally:
        assert stop(copy)
        assert stop(original)


def test_what_was_written_is_there_after_restarts(tmp_path):
    for round_number in range(1, 4):
        endpoint = ensure_running(tmp_path)
        ask(endpoint, "CREATE TABLE IF NOT EXISTS kept (a Int64) ENGINE = MergeTree ORDER BY a")
        ask(endpoint, f"INSERT INTO kept VALUES ({round_number})")
        assert ask(endpoint, "SELECT count() FROM kept").text == f"{round_number}\n"
        assert stop(tmp_path)


def test_an_idle_server_ends_by_itself(tmp_path):
    ensure_running(tmp_path, idle_timeout_seconds=1)
    pid = pid_of(tmp_path)
    assert os.waitpid(pid, 0)[1] == 0  # waits for the process to end, with exit code 0
    assert find_running(tmp_path) is None


def test_a_server_whose_directory_is_deleted_ends_and_leaves_nothing_in_a_new_one(tmp_path):
    directory = tmp_path / "warehouse"
    ask(ensure_running(directory), "CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a").raise_for_status()
    pid = pid_of(directory)
    shutil.rmtree(directory)
    directory.mkdir()
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline, "the server lives on without its directory"
        time.sleep(0.05)
    assert list(directory.iterdir()) == []


def test_a_killed_server_is_started_again_at_its_address_unless_the_port_is_taken(tmp_path):
    endpoint = ensure_running(tmp_path)
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    os.waitpid(pid_of(tmp_path), 0)
    assert ensure_running(tmp_path) == endpoint
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    os.waitpid(pid_of(tmp_path), 0)
    with socket.create_server(("127.0.0.1", httpx.URL(endpoint.url).port)):
        assert ensure_running(tmp_path).url != endpoint.url
    stop(tmp_path)


def test_a_server_of_another_user_is_not_stopped_and_its_owner_is_named(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    stranger = pwd.getpwnam("nobody")
    directory = tmp_path / "warehouse"
    directory.mkdir(mode=0o700)
    for above in (tmp_path, *tmp_path.parents[:-2]):  # the other user comes as far as the directory
        above.chmod(above.stat().st_mode | 0o011)
    child = os.fork()
    if child == 0:  # os.access asks for the real user, who stays changed
        os.setgid(stranger.pw_gid)
        os.setuid(stranger.pw_uid)
        refused = 0
        for action in (stop, ensure_running):
            with contextlib.suppress(OSError):
                try:
                    action(directory)
                except UsageError as error:
                    refused += "belongs to user root" in error.message and "as root" in error.hint
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_a_second_server_on_the_directory_is_told_who_has_it(server):
    run = subprocess.run(
        [sys.executable, "-m", "trailhouse.server", str(server.directory), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == UnreachableError.exit_code
    assert f"in use by process {pid_of(server.directory)} on {socket.gethostname()} since 20" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_port_in_use_is_named(server, tmp_path):
    port = httpx.URL(server.url).port
    with pytest.raises(UnreachableError, match=f"port {port} on 127.0.0.1 is in use"):
        serve(tmp_path, port=port)
    assert not (tmp_path / "metadata").exists()


def test_a_directory_that_cannot_be_made_or_an_address_that_is_not_ours_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make the warehouse directory"):
        serve(tmp_path / "file" / "warehouse")
    with pytest.raises(UsageError, match="in its path"):
        serve(tmp_path / "a?b")
    with pytest.raises(UsageError, match="there is no port 99999"):
        serve(tmp_path, "127.0.0.1", 99999)
    for user in ("admin", "reader", "dashboards"):
        (tmp_path / f"{user}.password").write_text("x")
    with pytest.raises(UsageError, match="cannot listen on"):
        serve(tmp_path, "192.0.2.1")


def test_sigterm_lets_running_queries_finish_and_frees_the_directory(tmp_path):
    endpoint = ensure_running(tmp_path)
    answers = []
    query = "SELECT sum(sleep(0.1)) FROM numbers(20) SETTINGS max_block_size = 1"
    slow = threading.Thread(target=lambda: answers.append(ask(endpoint, query)))
    slow.start()
    wait_until_running(endpoint)
    started = time.monotonic()
    assert stop(tmp_path)
    slow.join()
    assert answers[0].text == "0\n"
    assert time.monotonic() - started < 10
    assert not (tmp_path / "server.json").exists()


def test_sigterm_ends_within_ten_seconds_whatever_still_runs(tmp_path):
    endpoint = ensure_running(tmp_path)
    query = "SELECT sum(sleep(0.1)) FROM numbers(6000) SETTINGS max_block_size = 1"
    slow = threading.Thread(target=ask_and_be_cut_off, args=(endpoint, query))
    slow.start()
    wait_until_running(endpoint)
    started = time.monotonic()
    assert stop(tmp_path)
    assert time.monotonic() - started < 10.5
    slow.join()
    assert ask(ensure_running(tmp_path), "SELECT 1").text == "1\n"
    stop(tmp_path)


@pytest.mark.parametrize("delay_seconds", [0.05, 0.15, 0.3])
def test_a_server_killed_mid_insert_loses_nothing_it_acknowledged(tmp_path, delay_seconds):
    endpoint = ensure_running(tmp_path)
    ask(endpoint, "CREATE TABLE rows (batch UInt32, a UInt32) ENGINE = MergeTree ORDER BY (batch, a)")
    killer = threading.Timer(delay_seconds, os.kill, (pid_of(tmp_path), signal.SIGKILL))
    killer.start()
    acknowledged = 0
    with httpx.Client(base_url=endpoint.url, auth=(endpoint.user, endpoint.password)) as client:
        try:
            while True:
                body = "".join(f"{acknowledged},{number}\n" for number in range(1000))
                answer = client.post("/", params={"query": "INSERT INTO rows FORMAT CSV"}, content=body)
                acknowledged += answer.status_code == 200
        except httpx.HTTPError:
            pass
    killer.join()
    started = time.monotonic()
    again = ensure_running(tmp_path)
    assert time.monotonic() - started < 5
    counts = ask(
        again, "SELECT count() FROM (SELECT batch, count() AS c FROM rows GROUP BY batch HAVING c = 1000)"
    ).text
    torn = ask(again, "SELECT count() FROM (SELECT batch, count() AS c FROM rows GROUP BY batch HAVING c != 1000)").text
    assert acknowledged <= int(counts) <= acknowledged + 1
    assert torn == "0\n"
    stop(tmp_path)


def test_the_memory_of_all_queries_can_be_limited(tmp_path):
    endpoint = ensure_running(tmp_path, memory_limit_bytes=700 << 20)
    try:
        refused = ask(endpoint, "SELECT length(groupArray(number)) FROM numbers(200000000)")
        assert refused.headers["X-ClickHouse-Exception-Code"] == "241", refused.text
        assert ask(endpoint, "SELECT 1").text == "1\n"
    finally:
        stop(tmp_path)


def test_importing_the_process_module_does_not_start_an_engine():
    code = "import trailhouse.server.process, sys; print('chdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_directory_that_others_could_look_into_is_closed_with_all_that_is_made_in_it(tmp_path):
    directory = tmp_path / "open"
    directory.mkdir(mode=0o755)
    endpoint = ensure_running(directory)
    for statement in ("CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a", "INSERT INTO t VALUES (1)"):
        ask(endpoint, statement).raise_for_status()
    stop(directory)
    made = [path for path in (directory, *directory.rglob("*")) if not path.is_symlink()]
    assert len(made) > 10
    assert [path for path in made if path.stat().st_mode & 0o077] == []
