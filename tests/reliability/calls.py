"""A load whose calls to the server fail: each in turn, and at random in many ways."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.reliability.bench import Bench, OwnServer
from tests.reliability.check import Outcome
from tests.reliability.content import describe_difference, read_content
from tests.reliability.load_path import ROW_COUNT, WRITTEN_TABLES, find_torn, load_everything, load_step
from tests.reliability.proxy import FAULTS, FaultyProxy
from trailhouse.errors import TrailhouseError
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.digest import TableDigest
from trailhouse.warehouse.failures import explain_failure

MAX_SECONDS = 30.0
_LOADER_COUNT = 4
_FAULT_SHARE = 0.12
_MOST_ATTEMPTS = 50


def fail_every_call(bench: Bench, count: int) -> Outcome:
    """Fail the Nth call of a load for N = 1, 2, ... until it ends without meeting the fault.

    The way to fail changes with N; ``count`` passes meet every call in so many ways.
    """
    outcome = Outcome()
    server = bench.server
    address = server.new_database()
    load_everything(address)
    expected = read_content(address, WRITTEN_TABLES)
    call_count = 0
    ways = ("lose_reply", "unavailable", "reset", "cut_reply")
    for index in range(count):
        number = 1
        while fail_one_call(server, address, ways[(number + index) % len(ways)], number, expected, outcome):
            number += 1
        call_count += number - 1
        outcome.done_count += 1
    server.drop(address)
    outcome.detail = f"{call_count} calls failed, one a run"
    return outcome


def fail_one_call(
    server: OwnServer,
    address: WarehouseAddress,
    fault: str,
    number: int,
    expected: dict[str, TableDigest],
    outcome: Outcome,
) -> bool:
    """Load from nothing with one call that fails, look, load again; returns whether there was such a call."""
    place = f"{fault} at call {number}"
    with connect(address) as client:
        for table in WRITTEN_TABLES:
            client.command(f"truncate table {table}")
    with FaultyProxy(server.host_and_port, lambda n, _: fault * (n == number)) as proxy:
        started = time.monotonic()
        try:
            load_everything(server.address(address.database, proxy.port))
        except Exception as error:
            is_named = isinstance(error, TrailhouseError) or explain_failure(error) is not None
            outcome.require(is_named, f"{place}: {type(error).__name__}: {error}")
        outcome.require(time.monotonic() - started < MAX_SECONDS, f"{place}: took over {MAX_SECONDS:.0f} s")
        has_met = proxy.fault_count > 0
    with connect(address) as client:
        for problem in find_torn(client):
            outcome.failures.append(f"{place}: {problem}")
    load_everything(address)
    difference = describe_difference(read_content(address, WRITTEN_TABLES), expected)
    outcome.require(not difference, f"{place}: run again, {difference} differ")
    return has_met


def meet_network_faults(bench: Bench, count: int) -> Outcome:
    """Load checkpoint after checkpoint through a bad network, again until it is done, until enough went wrong."""
    outcome = Outcome()
    server = bench.server
    address = server.new_database()
    generator = random.Random(bench.seed)
    lock = threading.Lock()

    def choose(_: int, __: bytes) -> str:
        with lock:
            return generator.choice(FAULTS) if generator.random() < _FAULT_SHARE else ""

    with FaultyProxy(server.host_and_port, choose) as proxy, ThreadPoolExecutor(_LOADER_COUNT) as pool:
        through = server.address(address.database, proxy.port)

        def load(step: int) -> str:
            for _ in range(_MOST_ATTEMPTS):
                try:
                    with connect(through) as client:
                        load_step(client, step)
                except Exception as error:
                    if not isinstance(error, TrailhouseError) and explain_failure(error) is None:
                        return f"step {step}: {type(error).__name__}: {error}"
                else:
                    return ""
            return f"step {step} was not loaded in {_MOST_ATTEMPTS} attempts"

        step = 0
        while proxy.fault_count < count and not outcome.failures:
            outcome.failures += filter(None, pool.map(load, range(step, step + _LOADER_COUNT)))
            step += _LOADER_COUNT
        outcome.done_count = proxy.fault_count
    with connect(address) as client:
        outcome.failures += find_torn(client)
        rows = client.query("select count(), uniqExact(step) from raw_token_score").result_rows
        outcome.require(rows == [(step * ROW_COUNT, step)], f"{rows} rows and steps, of {step} steps loaded")
        vouched = client.query("select count() from raw_score_ledger final where is_complete").result_rows
        outcome.require(vouched == [(step,)], f"{vouched} checkpoints in the ledger, of {step}")
    server.drop(address)
    outcome.detail = f"{step} checkpoints, {step * ROW_COUNT} rows"
    return outcome
