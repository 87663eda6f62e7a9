"""Runs whose process died count as crashed, on a real Prefect server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from importlib.metadata import version

import httpx
import pytest
from prefect.automations import Automation
from prefect.events import Event, Resource
from prefect.events.clients import get_events_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.asyncutils import run_coro_as_sync

from trailhouse.flows.prefect import crashed_runs
from trailhouse.flows.prefect.crashed_runs import AUTOMATION, HEARTBEAT, find_crash_guards, install_crash_guard

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        version("sqlalchemy") >= "2.1", reason="Prefect schedules nothing with it: run `make environment`"
    ),
]

LEAST_SILENCE = timedelta(seconds=10)  # the shortest that Prefect accepts
# A flow that prints the id of its run, and then sleeps for the given number of seconds.
FLOW = """
import sys, time
from prefect import flow
from prefect.runtime import flow_run
@flow
def work(seconds: float):
    print(flow_run.id, flush=True)
    time.sleep(seconds)
work(float(sys.argv[1]))
"""


def send_heartbeat(run: str) -> None:
    event = Event(event=HEARTBEAT, resource=Resource({"prefect.resource.id": f"prefect.flow-run.{run}"}))

    async def emit() -> None:
        async with get_events_client() as client:
            await client.emit(event)

    run_coro_as_sync(emit())


def wait_until(is_reached: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds, or until the given number of seconds has passed."""
    deadline = time.monotonic() + seconds
    while not is_reached() and time.monotonic() < deadline:
        time.sleep(0.5)


def test_a_killed_run_counts_as_crashed_and_one_that_ended_stays_as_it_is(prefect_server, workplace):
    variables = workplace.environment(PREFECT_API_URL=prefect_server)

    def start(seconds: int) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", FLOW, str(seconds)]
        process = subprocess.Popen(
            command,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=workplace.directory,
        )
        return process, process.stdout.readline().strip()

    def read_state(run: str) -> dict:
        return httpx.get(f"{prefect_server}/flow_runs/{run}", timeout=30).raise_for_status().json()["state"]

    with ExitStack() as stack:
        stack.enter_context(temporary_settings({PREFECT_API_URL: prefect_server}))
        for guard in find_crash_guards():  # earlier commands left guards with a longer silence on this server
            Automation.read(id=guard).delete()
        install_crash_guard(LEAST_SILENCE)
        install_crash_guard(LEAST_SILENCE)
        assert len(find_crash_guards()) == 1
        killed, ended = start(600), start(10)
        for process, _ in (killed, ended):
            stack.enter_context(process)
        while ended[0].poll() is None:  # the server takes a moment to learn a new automation
            for _, run in (killed, ended):
                send_heartbeat(run)
            time.sleep(0.5)
        assert ended[0].returncode == 0
        os.kill(killed[0].pid, signal.SIGKILL)
        killed[0].wait()
        assert read_state(killed[1])["type"] == "RUNNING"
        deadline = time.monotonic() + 180
        while read_state(killed[1])["type"] == "RUNNING" and time.monotonic() < deadline:
            # Prefect loses an action if its SQLite database is locked at that moment: each silence is another chance
            send_heartbeat(killed[1])
            wait_until(lambda: read_state(killed[1])["type"] != "RUNNING", 3 * LEAST_SILENCE.total_seconds())
        Automation.read(name=AUTOMATION).delete()
    state = read_state(killed[1])
    assert (state["type"], state["message"]) == ("CRASHED", "no heartbeat: the process or its host died")
    assert read_state(ended[1])["type"] == "COMPLETED"


def test_workers_that_install_the_guard_at_the_same_time_leave_one(prefect_server, monkeypatch):
    read = crashed_runs.find_crash_guards
    asked = []

    def find_none_at_first() -> list:
        asked.append(1)
        return [] if len(asked) in (1, 3) else read()  # each of the two workers finds none before it creates its own

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        for guard in read():
            Automation.read(id=guard).delete()
        monkeypatch.setattr(crashed_runs, "find_crash_guards", find_none_at_first)
        install_crash_guard()
        (first,) = read()
        install_crash_guard()
        assert read() == [first]
        Automation.read(id=first).delete()
    assert len(asked) == 4
