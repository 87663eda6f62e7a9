"""The clients of a soak test, which act as dashboards, dbt, loaders and people.

In a soak test, many clients use one server for a long time. Each client knows the right answer to each of its queries.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.support.sample_load import DOCUMENT_COUNT, POSITION_COUNT, ROW_COUNT, STEPS, load_step
from trailhouse.warehouse.connection import WarehouseAddress, connect

BUSY = ("429", "503", "TOO_MANY_SIMULTANEOUS_QUERIES", "TOO_MANY_SESSIONS")

# (client, its index among those of its kind, source of randomness) -> what is wrong with the answer, or an empty text
Action = Callable[[Client, int, random.Random], str]


@dataclass(frozen=True)
class ClientKind:
    """A kind of client: how many there are, what they do, and the mean pause from an answer to the next request."""

    count: int
    act: Action
    pause_seconds: float


@dataclass(frozen=True)
class Tally:
    """What the clients of one kind met: answers to each client, refusals of a busy server, and what went wrong."""

    kind: str
    answer_counts: list[int]
    busy_count: int
    problems: list[str]


def run_clients(kind: str, address: WarehouseAddress, seconds: int, seed: int, queue: Queue[Tally]) -> None:
    """Run all clients of one kind for ``seconds``, each in its own thread; put their tally into ``queue``."""
    clients = CLIENTS[kind]
    deadline = time.monotonic() + seconds
    answer_counts = [0] * clients.count
    busy: list[str] = []
    problems: list[str] = []

    def work(index: int) -> None:
        generator = random.Random(f"{seed}-{kind}-{index}")
        with connect(address) as client:
            while time.monotonic() < deadline:
                try:
                    problem = clients.act(client, index, generator)
                    answer_counts[index] += 1
                    if problem:
                        problems.append(f"{kind}: {problem}")
                except ClickHouseError as error:
                    text = str(error)
                    (busy if any(word in text for word in BUSY) else problems).append(f"{kind}: {text}")
                time.sleep(clients.pause_seconds * generator.uniform(0.5, 1.5))

    def work_to_the_end(index: int) -> None:
        try:
            work(index)
        except Exception as error:
            problems.append(f"{kind} {index} ended: {error!r}")

    threads = [threading.Thread(target=work_to_the_end, args=(index,)) for index in range(clients.count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(Tally(kind, answer_counts, len(busy), problems))


def act_as_dashboard(client: Client, index: int, generator: random.Random) -> str:
    """Aggregate the scores by step, as a chart does; all scores of both checkpoints have to be there."""
    rows = client.query(
        "select step, count(), min(position), max(position), uniqExact(document_id) from raw_token_score"
        " where step <= 2 group by step order by step"
    ).result_rows
    expected = [(step, ROW_COUNT, 0, POSITION_COUNT - 1, DOCUMENT_COUNT) for step in STEPS]
    return "" if rows == expected else f"{rows}"


def act_as_dbt(client: Client, index: int, generator: random.Random) -> str:
    """Create a table under another name, exchange it with the old one, and read it, as dbt does with a model."""
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
    expected = [(step, ROW_COUNT, number) for step in STEPS]
    return "" if rows == expected else f"{rows}, expected {expected}"


def act_as_loader(client: Client, index: int, generator: random.Random) -> str:
    """Load a checkpoint again that no other client loads, and count its rows."""
    step = 100 + index
    load_step(client, step)
    rows = client.query(f"select count(), uniqExact(document_id, position) from raw_token_score where step = {step}")
    return "" if rows.result_rows == [(ROW_COUNT, ROW_COUNT)] else f"{rows.result_rows}"


def act_as_person(client: Client, index: int, generator: random.Random) -> str:
    """Ask a small query whose sum is known; one time in ten, ask a query that has to fail."""
    number = generator.randrange(1, 100000)
    if generator.random() < 0.1:
        try:
            client.query(f"select number, throwIf(number = {number}) from numbers({number + 1})")
        except ClickHouseError as error:
            return "" if "395" in str(error) else str(error)
        return "a failing query succeeded"
    rows = client.query(f"select sum(number), {index} from numbers({number})").result_rows
    return "" if rows == [(number * (number - 1) // 2, index)] else f"{rows} for {number}"


CLIENTS = {
    "dashboard": ClientKind(8, act_as_dashboard, 1.0),
    "dbt": ClientKind(4, act_as_dbt, 1.0),
    "loader": ClientKind(2, act_as_loader, 1.0),
    "person": ClientKind(16, act_as_person, 0.5),
}
