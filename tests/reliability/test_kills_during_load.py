"""kill -9 of the server and of a loading process at every request of a load."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.database_content import describe_difference, read_content
from tests.support.faulty_proxy import FaultyProxy
from tests.support.sample_load import find_partial_checkpoints, load_everything
from trailhouse.errors import TrailhouseError
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.upkeep.table_digest import TableDigest

MAX_RESTART_SECONDS = 5.0
# how often the same kill is tried if the server restarts too slowly: the machine may have been busy
RESTART_ATTEMPTS = 3
MOMENTS = ("before", "during", "after")


@dataclass
class KillsDuringLoad:
    """Runs loads into new databases of one server. During each load, the server or the loading process is killed."""

    server: RunningServer
    row: Row
    request_count: int
    expected: dict[str, TableDigest]

    def choose_points(self) -> list[tuple[int, str]]:
        """Return as many points of a load as asked: a request number, and before, during or after the request."""
        points = list(itertools.product(range(1, self.request_count + 1), MOMENTS))
        random.Random(self.row.seed).shuffle(points)
        return list(itertools.islice(itertools.cycle(points), self.row.asked))

    def kill_server(self, number: int, moment: str) -> float:
        """Kill the server at a point of a load; return the seconds until it answered again."""
        database = self.server.new_database().database
        killer = Killer(self.server.kill, number, moment)
        with FaultyProxy(self.server.host_and_port, killer.choose, killer.finish) as proxy:
            with contextlib.suppress(ClickHouseError, TrailhouseError):
                load_everything(self.server.address(database, proxy.port))
            killer.wait()
        seconds = self.server.start()
        self.judge(database, killer, f"server killed {moment} request {number}")
        return seconds

    def kill_loader(self, number: int, moment: str) -> None:
        """Kill a loading process at a point of its load."""
        database = self.server.new_database().database
        loaders: list[SpawnProcess] = []  # filled when the port of the proxy is known

        def kill() -> None:
            loaders[0].kill()

        killer = Killer(kill, number, moment)
        with FaultyProxy(self.server.host_and_port, killer.choose, killer.finish) as proxy:
            address = self.server.address(database, proxy.port)
            loaders.append(multiprocessing.get_context("spawn").Process(target=load_everything, args=(address,)))
            loaders[0].start()
            loaders[0].join(120)
            killer.wait()
        self.judge(database, killer, f"loader killed {moment} request {number}")

    def judge(self, database: str, killer: Killer, point: str) -> None:
        """Require that no checkpoint is visible in part, and that a second load equals an undisturbed one."""
        self.row.require(killer.has_killed, f"{point}: the kill did not happen")
        address = self.server.address(database)
        with connect(address) as client:
            for problem in find_partial_checkpoints(client):
                self.row.require(False, f"{point}: {problem}")
        load_everything(address)
        difference = describe_difference(read_content(address), self.expected)
        self.row.require(not difference, f"{point}: loaded again, {difference} differ from an undisturbed load")
        self.server.drop(address)


class Killer:
    """Kills a victim before, while or after the server works on the chosen request of a load."""

    def __init__(self, kill: Callable[[], None], number: int, moment: str) -> None:
        self.has_killed = False
        self._kill = kill
        self._number = number
        self._moment = moment
        self._timer: threading.Timer | None = None

    def choose(self, number: int, _: bytes) -> str:
        """If the proxy is about to forward the chosen request, kill the process before or during it.

        Returns the fault that the proxy then causes.
        """
        if number != self._number or self._moment == "after":
            return ""
        if self._moment == "during":
            self._timer = threading.Timer(0.003, self._strike)
            self._timer.start()
            return ""
        self._strike()
        return "reset"

    def finish(self, number: int) -> None:
        """Kill after the chosen request: the server has answered it, but the client does not have the answer yet."""
        if number == self._number and self._moment == "after":
            self._strike()

    def wait(self) -> None:
        """Wait until a kill that was begun is done."""
        if self._timer is not None:
            self._timer.join()

    def _strike(self) -> None:
        self._kill()
        self.has_killed = True


@pytest.fixture
def kills(row: Row, start_server) -> KillsDuringLoad:
    """A server for one test, with the number of requests and the resulting rows of an undisturbed load."""
    server = start_server()
    undisturbed = server.new_database()
    with FaultyProxy(server.host_and_port, lambda *_: "") as proxy:
        load_everything(server.address(undisturbed.database, proxy.port))
        request_count = proxy.request_count
    return KillsDuringLoad(server, row, request_count, read_content(undisturbed))


@pytest.mark.reliability(table="Reliability", row="kill -9 of the server", ci=8, release=80)
def test_a_killed_server_comes_back_with_all_acknowledged_rows(row: Row, kills: KillsDuringLoad):
    slowest, repeat_count = 0.0, 0
    for number, moment in kills.choose_points():
        seconds = kills.kill_server(number, moment)
        for _ in range(RESTART_ATTEMPTS - 1):
            if seconds <= MAX_RESTART_SECONDS:
                break
            seconds = min(seconds, kills.kill_server(number, moment))
            repeat_count += 1
        row.require(
            seconds <= MAX_RESTART_SECONDS,
            f"killed {moment} request {number}, the server was back after {seconds:.1f} s at best",
        )
        slowest = max(slowest, seconds)
        row.done_count += 1
    row.detail = f"server back in {slowest:.1f} s, best of three; {repeat_count} kills repeated for a late restart"


@pytest.mark.reliability(table="Reliability", row="kill -9 of a loading process", ci=6, release=60)
def test_a_killed_loader_leaves_no_checkpoint_in_part(row: Row, kills: KillsDuringLoad):
    for number, moment in kills.choose_points():
        kills.kill_loader(number, moment)
        row.done_count += 1
