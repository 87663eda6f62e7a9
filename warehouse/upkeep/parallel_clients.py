"""This module runs work on several connections to the warehouse at a time, because threads must not share a client."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import WarehouseAddress, connect

Job = TypeVar("Job")
Result = TypeVar("Result")

_CLIENTS = min(4, max(2, os.cpu_count() or 2))


def run_parallel(
    address: WarehouseAddress, work: Callable[[Client, Job], Result], jobs: Sequence[Job]
) -> Iterator[tuple[int, Result]]:
    """Call ``work`` for every job with a client of its thread; yield the number of the job, and the result.

    The results come in the order in which the jobs end. If a job fails, no further job is begun, and its error is
    raised after the running jobs have ended.
    """
    local = threading.local()
    clients: list[Client] = []

    def run(job: Job) -> Result:
        if not hasattr(local, "client"):
            local.client = connect(address)
            clients.append(local.client)
        return work(local.client, job)

    pool = ThreadPoolExecutor(_CLIENTS)
    try:
        numbers = {pool.submit(run, job): number for number, job in enumerate(jobs)}
        for future in as_completed(numbers):
            yield numbers[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        for client in clients:
            client.close()
