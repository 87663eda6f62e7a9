"""Commands that are killed while they work, and run again: no row is lost or doubled, for both kinds of work."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow

STEPS = list(range(1, 13))
DEADLINE_SECONDS = 240


@pytest.fixture
def start(kind, client, workplace):
    """Start the command on a suite in its own process; returns that once the wanted number of checkpoints is done."""

    def start_and_wait(suite, wanted_count: int):
        variables = {name: value for name, value in os.environ.items() if name.startswith("TRAILHOUSE_")}
        process = workplace.start(*kind.command(suite), **variables)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(kind.read_steps(client, suite)) < wanted_count and time.monotonic() < deadline:
            assert process.poll() is None, "the command ended before it was interrupted"
            time.sleep(0.02)
        return process

    return start_and_wait


def assert_visible_checkpoints_are_whole(kind, client, suite) -> list[int]:
    """Check that no checkpoint has only a part of its rows, and return the steps in the ledger."""
    query = f"select step, count() from {kind.table} where model_id = '{suite.name}/tiny' group by step"
    counts = dict(client.query(query).result_rows)
    assert len(set(counts.values())) <= 1, "a checkpoint is visible in part"
    steps = kind.read_steps(client, suite)
    assert set(steps) <= set(counts)
    return steps


def test_killed_and_run_again_gives_what_an_unbroken_run_gives(kind, run_kind, start, make_tiny_suite, client):
    killed, clean = (make_tiny_suite(name, STEPS) for name in ("killed", "clean"))
    process = start(killed, 2)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the kill hit nothing that ran"
    run_states = f"select finished_at is null from raw_scoring_run final where run_kind = '{kind.run_kind}' order by 1"
    assert client.query(run_states).result_rows == [(True,)]
    done_count = len(assert_visible_checkpoints_are_whole(kind, client, killed))
    assert 0 < done_count < len(STEPS)
    code, report, err = run_kind(killed)
    assert code == 0, err
    already_count = report[f"already_{kind.count}"]
    assert already_count == done_count * kind.unit_count
    assert report[kind.count] + already_count == len(STEPS) * kind.unit_count
    assert client.query(run_states).result_rows == [(False,), (True,)]
    assert run_kind(clean)[0] == 0
    rows = kind.read_rows(client, killed)
    assert len(rows) > 0
    assert rows == kind.read_rows(client, clean)


def test_ctrl_c_leaves_whole_checkpoints_and_the_next_run_goes_on(kind, run_kind, start, make_tiny_suite, client):
    suite = make_tiny_suite("interrupted", STEPS)
    process = start(suite, 1)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    steps = assert_visible_checkpoints_are_whole(kind, client, suite)
    assert 0 < len(steps) < len(STEPS)
    database = "currentDatabase()"
    staging = f"select count() from system.tables where name like 'stage_%' and database = {database}"
    assert client.query(staging).result_rows == [(0,)]
    code, report, err = run_kind(suite)
    assert code == 0, err
    assert report[f"already_{kind.count}"] == len(steps) * kind.unit_count
    assert kind.read_steps(client, suite) == STEPS
