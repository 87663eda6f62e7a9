"""Loading through a network with random faults: when a repeated load succeeds, every row is stored exactly once."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.reliability.disturbed_calls import is_named, short_answer_timeout
from tests.reliability.rows import Row
from tests.support.faulty_proxy import FAULTS, FaultyProxy
from tests.support.sample_load import ROW_COUNT, find_partial_checkpoints, load_step
from trailhouse.warehouse.connection import WarehouseAddress, connect

LOADER_COUNT = 4
FAULT_SHARE = 0.12
MAX_ATTEMPTS = 50


@pytest.mark.reliability(table="Reliability", row="network faults", ci=100, release=2000, smoke=8)
def test_loads_through_a_faulty_network_store_each_row_once(row: Row, shared_server):
    address = shared_server.new_database()
    generator = random.Random(row.seed)
    lock = threading.Lock()

    def choose(_: int, __: bytes) -> str:
        with lock:
            return generator.choice(FAULTS) if generator.random() < FAULT_SHARE else ""

    step = 0
    with (
        short_answer_timeout(),
        FaultyProxy(shared_server.host_and_port, choose) as proxy,
        ThreadPoolExecutor(LOADER_COUNT) as pool,
    ):
        disturbed = shared_server.address(address.database, proxy.port)
        while proxy.fault_count < row.asked and not row.failures:
            steps = range(step, step + LOADER_COUNT)
            for failure in pool.map(lambda number: load_persistently(disturbed, number), steps):
                row.require(not failure, failure)
            step += LOADER_COUNT
        row.done_count = proxy.fault_count
    with connect(address) as client:
        for problem in find_partial_checkpoints(client):
            row.require(False, problem)
        rows = client.query("select count(), uniqExact(step) from raw_token_score").result_rows
        row.require(rows == [(step * ROW_COUNT, step)], f"{rows} rows and steps, of {step} steps loaded")
        committed = client.query("select count() from raw_score_ledger final where is_complete").result_rows
        row.require(committed == [(step,)], f"{committed} checkpoints in the ledger, of {step}")
    shared_server.drop(address)
    row.detail = f"{step} checkpoints, {step * ROW_COUNT} rows"


def load_persistently(address: WarehouseAddress, step: int) -> str:
    """Load a checkpoint, and try again after each named error; return what went wrong, or an empty text."""
    for _ in range(MAX_ATTEMPTS):
        try:
            with connect(address) as client:
                load_step(client, step)
        except Exception as error:
            if not is_named(error):
                return f"step {step}: {type(error).__name__}: {error}"
        else:
            return ""
    return f"step {step} was not loaded in {MAX_ATTEMPTS} attempts"
