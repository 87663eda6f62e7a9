"""A load whose calls to the server fail: each in turn, and at random in many ways."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest.mock import patch

from clickhouse_connect.driver.client import Client

from tests.reliability.bench import Bench, OwnServer
from tests.reliability.check import Outcome
from tests.reliability.content import describe_difference, read_content
from tests.reliability.load_path import ROW_COUNT, WRITTEN_TABLES, find_torn, load_everything, load_step
from tests.reliability.proxy import FAULTS, FaultyProxy
from trailhouse.errors import TrailhouseError
from trailhouse.warehouse import connection
from trailhouse.warehouse.connection import PROMPT_TIMEOUT_SECONDS, WarehouseAddress, connect
from trailhouse.warehouse.failures import explain_failure
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.backup import back_up, read_manifest, verify_files
from trailhouse.warehouse.upkeep.table_digest import TableDigest

MAX_SECONDS = 30.0
_WAYS = ("lose_reply", "unavailable", "reset", "cut_reply")
# only the calls of a load have to end soon: a migration or a backup may take long, and waits
_WAYS_OF_LOADS = (*_WAYS, "hang")
# what a load is given here, so that many calls can hang
_PROMPT_SECONDS = 3
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
    for index in range(count):
        number = 1
        while fail_one_call(server, address, choose_way(number, index), number, expected, outcome):
            number += 1
        call_count += number - 1
        outcome.done_count += 1
    server.drop(address)
    outcome.detail = f"{call_count} calls failed, one a run"
    return outcome


def choose_way(number: int, index: int) -> str:
    """How a call of a load fails in a pass; the passes go through all ways."""
    return _WAYS_OF_LOADS[(number + index) % len(_WAYS_OF_LOADS)]


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
    has_met = meet_fault(server, address, fault, number, load_everything, outcome)
    with connect(address) as client:
        for problem in find_torn(client):
            outcome.failures.append(f"{place}: {problem}")
    load_everything(address)
    difference = describe_difference(read_content(address, WRITTEN_TABLES), expected)
    outcome.require(not difference, f"{place}: run again, {difference} differ")
    return has_met


def fail_calls_of_init_and_backup(bench: Bench, count: int) -> Outcome:
    """Fail the Nth call of the migrations, then of a backup: done again, the schema is whole, the backup has it all."""
    outcome = Outcome()
    server = bench.server
    address = server.new_database()
    load_everything(address)
    migrations = read_migrations(packaged_migrations())
    with connect(address) as client:
        definitions = describe_schema(client)
        expected = back_up(client, bench.folder("backups") / "clean").row_count

    def migrate(fault: str, number: int) -> bool:
        other = replace(address, database=f"d{uuid.uuid4().hex}")
        has_met = meet_fault(server, other, fault, number, lambda way: apply_migrations(way, migrations), outcome)
        apply_migrations(other, migrations)
        with connect(other) as client:
            outcome.require(describe_schema(client) == definitions, f"{fault} at call {number}: the schema differs")
        server.drop(other)
        return has_met

    def copy(fault: str, number: int) -> bool:
        directory = bench.folder("backups") / "copy"

        def make_copy(way: WarehouseAddress) -> None:
            with connect(way) as client:
                back_up(client, directory)

        has_met = meet_fault(server, address, fault, number, make_copy, outcome)
        if directory.exists():
            manifest = read_manifest(directory)
            verify_files(directory, manifest)
            outcome.require(manifest.row_count == expected, f"{fault} at call {number}: {manifest.row_count} rows")
        outcome.require(not list(directory.parent.glob(".*")), f"{fault} at call {number}: something is left")
        return has_met

    call_count = 0
    for index, step in itertools.product(range(count), (migrate, copy)):
        number = 1
        while step(_WAYS[(number + index) % len(_WAYS)], number):
            number += 1
        call_count += number - 1
        outcome.done_count += step is copy
    server.drop(address)
    outcome.detail = f"{call_count} calls failed, one a run"
    return outcome


def meet_fault(
    server: OwnServer,
    address: WarehouseAddress,
    fault: str,
    number: int,
    work: Callable[[WarehouseAddress], object],
    outcome: Outcome,
) -> bool:
    """Do the work with one call that fails: it ends well, or with a named error; returns whether it met the fault."""
    outcome.require(PROMPT_TIMEOUT_SECONDS < MAX_SECONDS, "a load waits too long for one answer")
    with FaultyProxy(server.host_and_port, lambda n, _: fault * (n == number)) as proxy, hurry():
        started = time.monotonic()
        try:
            work(server.address(address.database, proxy.port))
        except Exception as error:
            is_named = isinstance(error, TrailhouseError) or explain_failure(error) is not None
            outcome.require(is_named, f"{fault} at call {number}: {type(error).__name__}: {error}")
        seconds = time.monotonic() - started
        outcome.require(seconds < MAX_SECONDS, f"{fault} at call {number}: took over {MAX_SECONDS:.0f} s")
        return proxy.fault_count > 0


@contextlib.contextmanager
def hurry() -> Iterator[None]:
    """Shorten what loads wait for an answer."""
    with patch.object(connection, "PROMPT_TIMEOUT_SECONDS", _PROMPT_SECONDS):
        yield


def describe_schema(client: Client) -> list[tuple[str, str]]:
    """How every table is made, without the name of the database."""
    rows = client.query(
        "select name, replace(create_table_query, currentDatabase(), '') from system.tables"
        " where database = currentDatabase() order by name"
    ).result_rows
    return [(str(name), str(text)) for name, text in rows]


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

    with hurry(), FaultyProxy(server.host_and_port, choose) as proxy, ThreadPoolExecutor(_LOADER_COUNT) as pool:
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
