"""The embedded server against the engine in-process: latency of small queries, throughput of bulk.

Each number is the median of five rounds; the two sides take turns, each in processes of its own.

    python benchmarks/embedded_server.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

_ROUNDS = 5
_CLIENTS = 8
_SECONDS = 3.0
_ROWS = 5_000_000
_SMALL = "SELECT count(), sum(number) FROM numbers(1000)"
_BULK_READ = f"SELECT number, toFloat32(number) / 3 AS score FROM numbers({_ROWS}) FORMAT Native"
_CREATE = "CREATE OR REPLACE TABLE bulk (number UInt64, score Float64) ENGINE = MergeTree ORDER BY number"


def run_clients(make_client: Callable[[], Callable[[], object]]) -> dict[str, float]:
    """Median and 95th percentile of a query's milliseconds under eight clients, and queries per second."""
    took: list[float] = []
    stop_at = time.perf_counter() + _SECONDS

    def work() -> None:
        ask = make_client()
        mine = []
        while (started := time.perf_counter()) < stop_at:
            ask()
            mine.append((time.perf_counter() - started) * 1e3)
        took.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took.sort()
    return {
        "p50_ms": statistics.median(took),
        "p95_ms": took[int(len(took) * 0.95)],
        "per_second": len(took) / _SECONDS,
    }


def measure_in_process(directory: str) -> dict[str, float]:
    """The engine with a handle per client."""
    import chdb

    keeper = chdb.connect(directory)

    def make_client() -> Callable[[], object]:
        handle = chdb.connect(directory)
        return lambda: handle.query(_SMALL, "TabSeparated").bytes()

    figures = run_clients(make_client)
    started = time.perf_counter()
    size = sum(len(chunk.bytes()) for chunk in keeper.send_query(_BULK_READ, "Native"))
    figures["read_mb_s"] = size / 1e6 / (time.perf_counter() - started)
    data = keeper.query(_BULK_READ, "Native").bytes()
    keeper.query(_CREATE)
    started = time.perf_counter()
    insert = keeper.send_insert("INSERT INTO bulk SETTINGS async_insert = 0", "Native")
    for start in range(0, len(data), 1 << 20):
        insert.append(data[start : start + (1 << 20)])
    insert.finish()
    figures["write_mb_s"] = len(data) / 1e6 / (time.perf_counter() - started)
    return figures


def measure_server(url: str, user: str, password: str) -> dict[str, float]:
    """The same through HTTP, each client with a connection of its own."""
    import base64
    import http.client
    from urllib.parse import quote, urlsplit

    address = urlsplit(url)
    headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def connect() -> http.client.HTTPConnection:
        return http.client.HTTPConnection(address.hostname or "", address.port)

    def send(connection: http.client.HTTPConnection, body: bytes, path: str = "/") -> bytes:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content

    def make_client() -> Callable[[], object]:
        connection = connect()
        return lambda: send(connection, _SMALL.encode())

    figures = run_clients(make_client)
    connection = connect()
    started = time.perf_counter()
    connection.request("POST", "/", _BULK_READ.encode(), headers)
    answer = connection.getresponse()
    size = 0
    while piece := answer.read(1 << 20):
        size += len(piece)
    figures["read_mb_s"] = size / 1e6 / (time.perf_counter() - started)
    data = send(connection, _BULK_READ.encode())
    send(connection, _CREATE.encode())
    started = time.perf_counter()
    send(connection, data, "/?query=" + quote("INSERT INTO bulk FORMAT Native"))
    figures["write_mb_s"] = len(data) / 1e6 / (time.perf_counter() - started)
    return figures


def measure_elsewhere(*arguments: str) -> dict[str, float]:
    """One side's figures, measured in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def main() -> None:
    """Take turns, and print the table."""
    from trailhouse.server.process import ensure_running, stop

    with tempfile.TemporaryDirectory() as folder:
        served = Path(folder) / "served"
        endpoint = ensure_running(served)
        rounds = []
        for number in range(_ROUNDS):
            in_process = measure_elsewhere("in-process", str(Path(folder) / f"in_process_{number}"))
            server = measure_elsewhere("server", endpoint.url, endpoint.user, endpoint.password)
            rounds.append((in_process, server))
        stop(served)
    print(f"{'':14}{'in-process':>12}{'server':>12}{'ratio':>8}")
    for name in rounds[0][0]:
        inside, outside = (statistics.median(figures[side][name] for figures in rounds) for side in (0, 1))
        print(f"{name:14}{inside:12.2f}{outside:12.2f}{outside / inside:8.2f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["in-process", directory]:
            print(json.dumps(measure_in_process(directory)))
        case ["server", url, user, password]:
            print(json.dumps(measure_server(url, user, password)))
        case _:
            main()
