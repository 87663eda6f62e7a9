"""The standing service against a real Prefect server: new checkpoints reach the marts without anyone's doing."""

import json
import os
import signal
import time
from importlib.metadata import version

import httpx
import pytest

from tests.support.workplace import Workplace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        version("sqlalchemy") >= "2.1", reason="Prefect schedules nothing with it: run `make environment`"
    ),
]

MARTS = "select step from fct_validation_perplexity_by_checkpoint where model_id = 'standing/copied' order by step"


def wait_for(describe, is_reached, process, seconds: float):
    """Call ``describe`` every second until ``is_reached`` accepts what it returns; returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if is_reached(seen := describe()):
            return seen
        time.sleep(1)
    raise AssertionError(f"the service did not get there: {describe()}, exit code {process.poll()}")


@pytest.fixture
def service(demo, corpus, make_suite, workplace):
    """The standing service over a suite that is still empty, with a Prefect server of its own."""
    declaration, directory = make_suite("standing", [30])
    (directory / "step-30").rename(directory / "step-30.partial")
    flags = ("--corpus", corpus, "--tasks", "miniature", "--shots", "0", "--interval", "5")
    process = workplace.start("watch", declaration, *flags)
    yield process, directory
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(60)
    finally:  # a service that did not end would disturb the tests that follow
        process.kill()
        process.wait()


def test_a_new_checkpoint_reaches_the_marts_and_a_push_is_heard(service, corpus, workplace):
    process, directory = service
    address = workplace.settings.data_directory / "prefect" / "server.json"
    wait_for(address.exists, bool, process, 120)
    (directory / "step-30.partial").rename(directory / "step-30")
    assert wait_for(lambda: workplace.query(MARTS), bool, process, 240) == [(30,)]
    url = json.loads(address.read_text())["url"]

    def read(kind: str, **conditions) -> list[dict]:
        return httpx.post(f"{url}/{kind}/filter", json=conditions, timeout=30).raise_for_status().json()

    def triggered() -> list[dict]:
        earliest = read("flow_runs", sort="EXPECTED_START_TIME_ASC")  # an answer has 200 runs
        return [run for run in earliest if (run["created_by"] or {}).get("type") == "AUTOMATION"]

    def notify_and_look() -> list[dict]:
        # On a busy machine, Prefect sometimes loses the action of an automation: then the test pushes again
        assert Workplace(workplace.directory).run("notify", "standing", "--step", "30").returncode == 0
        deadline = time.monotonic() + 30
        while not (found := triggered()) and time.monotonic() < deadline:
            time.sleep(1)
        return found

    wait_for(notify_and_look, bool, process, 180)

    def reports() -> list[str]:
        return [artifact["data"] for artifact in read("artifacts") if artifact["key"] == "watch-report"]

    # the poll that scored the checkpoint reports it after the marts are derived and tested
    wait_for(reports, lambda found: any(f"|{corpus}|1|1|0|" in report for report in found), process, 240)
    guards = [automation for automation in read("automations") if "heartbeat" in automation["name"]]
    assert [guard["actions"][0]["state"] for guard in guards] == ["CRASHED"]

    # the same run evaluates the checkpoint on the tasks
    evaluated = "select countDistinct(task_id) from raw_evaluation_ledger final where model_id = 'standing/copied'"
    assert wait_for(lambda: workplace.query(evaluated), lambda found: found == [(5,)], process, 240)
    assert any("|tasks|5|" in report for report in wait_for(reports, bool, process, 240))
