"""kill -9: the server and the loader at every request of a load, the scoring worker, and dbt."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path

from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.reliability.bench import Bench, OwnServer, ScoredWorkplace
from tests.reliability.check import Outcome
from tests.reliability.content import describe_difference, read_content
from tests.reliability.load_path import find_torn, load_everything
from tests.reliability.proxy import FaultyProxy
from trailhouse.errors import TrailhouseError
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.upkeep.table_digest import TableDigest

MAX_RESTART_SECONDS = 5.0
_ORPHAN_SECONDS = 10.0
# of twenty kills: so many of the server, of a loader, of a scoring worker, of dbt
_SHARES = {"server": 8, "loader": 6, "worker": 3, "dbt": 3}


def run_kills(bench: Bench, count: int) -> Outcome:
    """Kill, look at what is visible, run again, compare with an unbroken run."""
    outcome = Outcome()
    generator = random.Random(bench.seed)
    shares = {victim: count * share // 20 for victim, share in _SHARES.items()}
    server = bench.new_server("killed")
    clean = server.new_database()
    with FaultyProxy(server.host_and_port, lambda *_: "") as proxy:
        load_everything(server.address(clean.database, proxy.port))
        request_count = proxy.request_count
    points = pick_points(generator, request_count, shares["server"] + shares["loader"])
    expected = read_content(clean)
    slowest = 0.0
    for index, point in enumerate(points):
        victim = "server" if index < shares["server"] else "loader"
        slowest = max(slowest, kill_during_load(server, victim, point, expected, outcome))
    kill_workers(bench.workplace, shares["worker"], generator, outcome)
    kill_dbt(bench.workplace, shares["dbt"], generator, outcome)
    outcome.detail = (
        f"{', '.join(f'{share} {victim}' for victim, share in shares.items())}; server back in {slowest:.1f} s"
    )
    return outcome


def pick_points(generator: random.Random, request_count: int, count: int) -> list[tuple[int, str]]:
    """Requests of a load, and whether the victim dies before, while or after the server has done them."""
    every = list(itertools.product(range(1, request_count + 1), ("before", "during", "after")))
    generator.shuffle(every)
    return list(itertools.islice(itertools.cycle(every), count))


class Killer:
    """Kills the victim before, while or after the server does the chosen request of a load."""

    def __init__(self, kill: Callable[[], None], number: int, moment: str) -> None:
        self.has_killed = False
        self._kill = kill
        self._number = number
        self._moment = moment
        self._timer: threading.Timer | None = None

    def choose(self, number: int, _: bytes) -> str:
        """Hears of a request before it is forwarded; nothing is forwarded for a victim that died before."""
        if number != self._number or self._moment == "after":
            return ""
        if self._moment == "during":
            self._timer = threading.Timer(0.003, self._strike)
            self._timer.start()
            return ""
        self._strike()
        return "reset"

    def finish(self, number: int) -> None:
        """Hears of a request that was forwarded, before its reply goes back."""
        if number == self._number and self._moment == "after":
            self._strike()

    def wait(self) -> None:
        """Until a kill that was begun is done."""
        if self._timer is not None:
            self._timer.join()

    def _strike(self) -> None:
        self._kill()
        self.has_killed = True


def kill_during_load(
    server: OwnServer, victim: str, point: tuple[int, str], expected: dict[str, TableDigest], outcome: Outcome
) -> float:
    """One kill of the server or of the loading process; returns the seconds until the server was back."""
    number, moment = point
    place = f"{victim} killed {moment} request {number}"
    database = server.new_database().database
    loaders: list[SpawnProcess] = []

    def kill_loader() -> None:
        loaders[0].kill()

    killer = Killer(server.kill if victim == "server" else kill_loader, number, moment)
    with FaultyProxy(server.host_and_port, killer.choose, killer.finish) as proxy:
        through = server.address(database, proxy.port)
        if victim == "server":
            with contextlib.suppress(ClickHouseError, TrailhouseError):
                load_everything(through)
        else:
            loaders.append(multiprocessing.get_context("spawn").Process(target=load_everything, args=(through,)))
            loaders[0].start()
            loaders[0].join(120)
        killer.wait()
    outcome.require(killer.has_killed, f"{place}: the kill did not happen")
    seconds = server.start()
    outcome.require(seconds <= MAX_RESTART_SECONDS, f"{place}: the server was back after {seconds:.1f} s")
    address = server.address(database)
    with connect(address) as client:
        for problem in find_torn(client):
            outcome.failures.append(f"{place}: {problem}")
    load_everything(address)
    difference = describe_difference(read_content(address), expected)
    outcome.require(not difference, f"{place}: run again, {difference} differ from an unbroken run")
    server.drop(address)
    outcome.done_count += 1
    return seconds if victim == "server" else 0.0


def kill_workers(place: ScoredWorkplace, count: int, generator: random.Random, outcome: Outcome) -> None:
    """Kill `trailhouse score` after some of its checkpoints, each with a Prefect server of its own."""
    expected = place.read_content()
    place.command("truncate table raw_token_score")
    place.command("truncate table raw_score_ledger")
    for index in range(count):
        process = place.start(*place.score)
        place.wait_for_scores(process, index + 1)
        time.sleep(generator.random() * 0.1)
        descendants = list_descendants(process.pid)
        outcome.require(process.poll() is None, "the scoring worker ended before it was killed")
        process.kill()
        process.wait()
        outcome.require(bool(descendants), "the worker started no Prefect server of its own")
        if not wait_for_end(descendants):
            outcome.failures.append("a killed worker left processes behind")
            end_processes(descendants)
        rows = place.query("select step, count() from raw_token_score group by step")
        outcome.require(len({row[1] for row in rows}) <= 1, f"a checkpoint is visible in part: {rows}")
        outcome.done_count += 1
    place.must_run(*place.score)
    difference = describe_difference(place.read_content(), expected)
    outcome.require(not difference, f"scored again after kills, {difference} differ")


def kill_dbt(place: ScoredWorkplace, count: int, generator: random.Random, outcome: Outcome) -> None:
    """Kill a full refresh of the marts after some of its tables, then derive them in an unbroken run."""
    expected = place.read_content()
    for _ in range(count):
        process = place.start(*place.transform, "--full-refresh", **place.variables)
        place.wait_for_marts(process, generator.randint(1, 10))
        outcome.require(process.poll() is None, "dbt ended before it was killed")
        process.kill()
        process.wait()
        outcome.done_count += 1
    place.must_run(*place.transform)
    difference = describe_difference(place.read_content(), expected)
    outcome.require(not difference, f"derived again after kills, {difference} differ")


def list_descendants(pid: int) -> list[int]:
    """Processes that were started by a process, directly or not."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for ancestor in found:
        found += [child for child, parent in parents.items() if parent == ancestor]
    return found[1:]


def wait_for_end(pids: list[int]) -> bool:
    """Whether all of the processes end by themselves in time."""
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while any(is_running(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end_processes(pids: list[int]) -> None:
    """Kill what should have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
