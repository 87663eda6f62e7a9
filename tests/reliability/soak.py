"""Mixed clients for a while: dashboards, dbt, loaders and people, every answer known beforehand."""

from __future__ import annotations

import multiprocessing
import random
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue

import httpx
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.reliability.bench import Bench, OwnServer
from tests.reliability.check import Outcome
from tests.reliability.load_path import ROW_COUNT, load_everything, load_step
from trailhouse.warehouse.connection import WarehouseAddress, connect

MAX_PING_P95_SECONDS = 0.05
MAX_SLOPE_BYTES_PER_MINUTE = 1 << 20
# the first minute fills caches and pools: its growth is bounded, not its slope
MAX_WARM_UP_BYTES = 256 << 20
_CLIENTS = (("dashboard", 8), ("dbt", 4), ("loader", 2), ("person", 16))
_PAUSE_SECONDS = {"dashboard": 1.0, "dbt": 1.0, "loader": 1.0, "person": 0.5}
# of the answers that a client could get between pauses of the longest kind
_LEAST_SHARE = 0.25
_BUSY = ("429", "503", "TOO_MANY_SIMULTANEOUS_QUERIES", "TOO_MANY_SESSIONS")


@dataclass(frozen=True)
class Tally:
    """What the clients of one process did: answers by client, refusals, and what went wrong."""

    kind: str
    answer_counts: list[int]
    busy_count: int
    problems: list[str]


def run_soak(bench: Bench, seconds: int) -> Outcome:
    """All clients at once, in a process for each kind, while memory and /ping are measured."""
    outcome = Outcome()
    server = bench.new_server("soaked")
    address = server.new_database()
    load_everything(address)
    context = multiprocessing.get_context("spawn")
    queue: Queue[Tally] = context.Queue()
    processes = [
        context.Process(target=run_clients, args=(kind, count, address, seconds, bench.seed, queue))
        for kind, count in _CLIENTS
    ]
    for process in processes:
        process.start()
    pings, memory = watch(server, seconds)
    tallies = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    for tally in tallies:
        outcome.failures += tally.problems[:5]
        fewest, least = min(tally.answer_counts), seconds * _LEAST_SHARE / (1.5 * _PAUSE_SECONDS[tally.kind])
        outcome.require(fewest >= least, f"a {tally.kind} got {fewest} answers, {least:.0f} are the least")
    p95 = statistics.quantiles(pings, n=20)[-1]
    outcome.require(p95 < MAX_PING_P95_SECONDS, f"p95 of /ping is {p95 * 1000:.0f} ms")
    judge_memory(memory, seconds, outcome)
    outcome.require(server.is_well(), "the server is not well afterwards")
    outcome.done_count = seconds
    answers, busy = sum(sum(t.answer_counts) for t in tallies), sum(t.busy_count for t in tallies)
    outcome.detail = f"{answers} answers, {busy} refused as busy, p95 of /ping {p95 * 1000:.0f} ms; {outcome.detail}"
    return outcome


def judge_memory(memory: list[tuple[float, int]], seconds: int, outcome: Outcome) -> None:
    """The slope after a quarter of the time; for a soak of minutes, the growth since then."""
    settled = [(at, size) for at, size in memory if at > seconds / 4]
    slope = statistics.linear_regression([at for at, _ in settled], [size for _, size in settled]).slope * 60
    growth = statistics.median(size for _, size in settled[-5:]) - statistics.median(size for _, size in settled[:5])
    if seconds < 3600:
        outcome.require(growth < MAX_WARM_UP_BYTES, f"memory grew by {growth / (1 << 20):.0f} MiB")
    else:
        outcome.require(slope < MAX_SLOPE_BYTES_PER_MINUTE, f"memory grows by {slope / (1 << 20):.1f} MiB a minute")
    outcome.detail = (
        f"memory {settled[-1][1] >> 20} MiB, {growth / (1 << 20):+.0f} MiB after warm-up,"
        f" slope {slope / (1 << 20):+.1f} MiB a minute"
    )


def watch(server: OwnServer, seconds: int) -> tuple[list[float], list[tuple[float, int]]]:
    """Times of /ping, every 0.1 s, and resident memory, every second."""
    pings, memory = [], []
    started = time.monotonic()
    with httpx.Client(base_url=server.endpoint.url, timeout=30) as client:
        while (at := time.monotonic() - started) < seconds:
            before = time.monotonic()
            client.get("/ping")
            pings.append(time.monotonic() - before)
            if len(pings) % 10 == 1:
                memory.append((at, server.resident_bytes()))
            time.sleep(0.1)
    return pings, memory


def run_clients(kind: str, count: int, address: WarehouseAddress, seconds: int, seed: int, queue: Queue[Tally]) -> None:
    """Threads of one kind of client, each with its own connection, until the time is over."""
    deadline = time.monotonic() + seconds
    answer_counts = [0] * count
    busy: list[str] = []
    problems: list[str] = []

    def work(index: int) -> None:
        generator = random.Random(f"{seed}-{kind}-{index}")
        with connect(address) as client:
            while time.monotonic() < deadline:
                try:
                    problem = _ACTIONS[kind](client, index, generator)
                    answer_counts[index] += 1
                    if problem:
                        problems.append(f"{kind}: {problem}")
                except ClickHouseError as error:
                    text = str(error)
                    (busy if any(word in text for word in _BUSY) else problems).append(f"{kind}: {text}")
                time.sleep(_PAUSE_SECONDS[kind] * generator.uniform(0.5, 1.5))

    def work_to_the_end(index: int) -> None:
        try:
            work(index)
        except Exception as error:
            problems.append(f"{kind} {index} ended: {error!r}")

    threads = [threading.Thread(target=work_to_the_end, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(Tally(kind, answer_counts, len(busy), problems))


def ask_as_dashboard(client: Client, index: int, generator: random.Random) -> str:
    """A chart: an aggregate by step, in which every checkpoint is whole."""
    rows = client.query(
        "select step, count(), min(position), max(position), uniqExact(document_id) from raw_token_score"
        " where step <= 2 group by step order by step"
    ).result_rows
    expected = [(step, ROW_COUNT, 0, 1999, 3) for step in (1, 2)]
    return "" if rows == expected else f"{rows}"


def ask_as_dbt(client: Client, index: int, generator: random.Random) -> str:
    """A model: a table made anew under another name, exchanged with the old one, read."""
    table, temporary = f"mart_{index}", f"mart_{index}__new"
    client.command(f"drop table if exists {temporary}")
    number = generator.randrange(10**6)
    client.command(
        f"create table {temporary} engine = MergeTree order by step as"
        f" select step, count() as score_count, {number} as number from raw_token_score where step <= 2 group by step"
    )
    client.command(f"create table if not exists {table} as {temporary}")
    client.command(f"exchange tables {table} and {temporary}")
    rows = client.query(f"select step, score_count, number from {table} order by step").result_rows
    expected = [(step, ROW_COUNT, number) for step in (1, 2)]
    return "" if rows == expected else f"{rows}, expected {expected}"


def ask_as_loader(client: Client, index: int, generator: random.Random) -> str:
    """A checkpoint of the loader's own, loaded again and again."""
    step = 100 + index
    load_step(client, step)
    rows = client.query(f"select count(), uniqExact(document_id, position) from raw_token_score where step = {step}")
    return "" if rows.result_rows == [(ROW_COUNT, ROW_COUNT)] else f"{rows.result_rows}"


def ask_as_person(client: Client, index: int, generator: random.Random) -> str:
    """Something small, with a sum that is known, or a mistake whose answer is an error."""
    number = generator.randrange(1, 100000)
    if generator.random() < 0.1:
        try:
            client.query(f"select number, throwIf(number = {number}) from numbers({number + 1})")
        except ClickHouseError as error:
            return "" if "395" in str(error) else str(error)
        return "a failing query succeeded"
    rows = client.query(f"select sum(number), {index} from numbers({number})").result_rows
    return "" if rows == [(number * (number - 1) // 2, index)] else f"{rows} for {number}"


_ACTIONS: dict[str, Callable[[Client, int, random.Random], str]] = {
    "dashboard": ask_as_dashboard,
    "dbt": ask_as_dbt,
    "loader": ask_as_loader,
    "person": ask_as_person,
}
