"""Workers that share the checkpoints of a suite, for both kinds of work.

A worker waits for the checkpoints that another worker holds. If the other worker dies, it does them itself.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from trailhouse.warehouse.loading.partition_load import Partition

HOLD_LOCK = (
    "import sys; from filelock import FileLock\n"
    "with FileLock(sys.argv[1]):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@contextmanager
def held_by_another_process(path):
    """A process that holds a lock file until it is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLD_LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "held\n"
        yield worker
        worker.kill()


@contextmanager
def killed_when(worker, is_reached):
    """Kill a process while the caller goes on, as soon as a condition holds.

    ``is_reached`` is a pair: a function that observes, and the condition on what it returns. Yields a list, to which
    the last observation is added.
    """
    seen = []

    def watch() -> None:
        deadline = time.monotonic() + 120
        while not is_reached(found := yielded_steps()) and time.monotonic() < deadline:
            time.sleep(0.1)
        seen.append(found)
        worker.kill()

    yielded_steps, is_reached = is_reached
    watcher = threading.Thread(target=watch)
    watcher.start()
    yield seen
    watcher.join()


def find_partition(kind, suite, step: int) -> Partition:
    key = [("model_id", f"{suite.name}/tiny"), ("step", step)]
    if kind.name == "score":
        key.insert(1, ("corpus_id", "few"))
    return Partition(kind.table, tuple(key))


def test_what_a_dead_worker_held_is_done_here_and_success_means_that_all_is_done(
    kind, run_kind, make_tiny_suite, client, tmp_path
):
    from trailhouse.flows.pipeline.claims import find_lock_file, name_claim  # not at the top: it imports Prefect

    suite = make_tiny_suite("left", [0, 10, 20])
    lock = find_lock_file(name_claim(find_partition(kind, suite, 10)), tmp_path / "data")
    with held_by_another_process(lock) as worker:
        steps = (lambda: kind.read_steps(client, suite), lambda found: len(found) >= 2)
        with killed_when(worker, steps) as seen:
            code, report, err = run_kind(suite)
    assert code == 0, err
    assert seen == [[0, 20]]
    assert (report[kind.count], report["elsewhere_count"]) == (3 * kind.unit_count, 0)
    assert kind.read_steps(client, suite) == [0, 10, 20]
    assert "waiting for 1 checkpoint that other workers hold" in err


def test_a_model_runs_only_once_its_device_is_free(kind, run_kind, make_tiny_suite, client, tmp_path, monkeypatch):
    import platform

    from trailhouse.flows.pipeline import work
    from trailhouse.flows.pipeline.device_slots import name_device_slot

    loaded = []
    load_model = work.load_model

    def load_and_note(*arguments, **options):
        loaded.append(1)
        return load_model(*arguments, **options)

    monkeypatch.setattr(work, "load_model", load_and_note)
    suite = make_tiny_suite("queued", [0, 10])
    slot = tmp_path / "data" / "device-slots" / f"{name_device_slot(platform.node(), 'cpu')}.lock"

    def read_after_a_while() -> list[int]:
        if len(loaded) == 2:  # both models are loaded: on a free device they would run within two seconds
            time.sleep(2)
        return [len(loaded), len(kind.read_rows(client, suite))]

    with (
        held_by_another_process(slot) as holder,
        killed_when(holder, (read_after_a_while, lambda found: found[0] == 2)) as seen,
    ):
        code, report, err = run_kind(suite, "--device", "cpu")
    assert code == 0, err
    assert seen == [[2, 0]]
    assert report[kind.count] == 2 * kind.unit_count


@pytest.mark.slow
def test_two_workers_of_one_prefect_server_do_every_checkpoint_once(
    kind, make_tiny_suite, client, workplace, prefect_server, tmp_path, monkeypatch
):
    import os

    suite = make_tiny_suite("shared", list(range(8)))
    variables = {name: value for name, value in os.environ.items() if name.startswith("TRAILHOUSE_")}
    variables.pop("TRAILHOUSE_OWN_PREFECT_URL")
    command = [sys.executable, "-m", "trailhouse.cli.main", *kind.command(suite), "--json"]
    workers = [
        subprocess.Popen(
            [*command, "--data-directory", str(tmp_path / f"worker-{index}")],  # as on two hosts
            cwd=tmp_path,
            env=workplace.environment(PREFECT_API_URL=prefect_server, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for index in range(2)
    ]
    results = [worker.communicate(timeout=400) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], results
    reports = [json.loads(output) for output, _ in results]
    wanted = 8 * kind.unit_count
    # A lease that expires on a busy machine may let a checkpoint be done twice, but never stored twice.
    assert sum(report[kind.count] for report in reports) >= wanted
    for report in reports:
        assert sum(report[name] for name in (kind.count, f"already_{kind.count}", "elsewhere_count")) == wanted
    assert kind.read_steps(client, suite) == list(range(8))
    rows = client.query(f"select step, count() from {kind.table} group by step").result_rows
    assert len({count for _, count in rows}) == 1
