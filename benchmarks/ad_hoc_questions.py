"""Ad-hoc questions to raw scores against a scan for the same answer, on a table of a chosen size.

    python benchmarks/ad_hoc_questions.py [--models 4] [--checkpoints 50] [--tokens 5000000] [--directory DIR]

Without options: one billion scores, which take about 2.2 GB of disk. A directory is filled once and then kept. The
first answer to a question is printed too: it finds the caches as questions about other tokens left them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from clickhouse_connect.driver.client import Client
from synthetic_warehouse import CORPUS_ID, DOCUMENT_TOKENS, STEP_INTERVAL, SUITE_ID, fill

from trailhouse.server.process import ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

DATABASE = "ad_hoc"
SERIES = (
    "select model_id, step, log_prob_nats from raw_token_score where corpus_id = {corpus:String} and %s"
    " order by model_id, step"
)
DOCUMENT = (
    "select position, log_prob_nats from raw_token_score where model_id = {model:String} and step = {step:Int64}"
    " and corpus_id = {corpus:String} and document_id = {document:Int32} order by position"
)
BY_KEY = "document_id = {document:Int32} and position = {position:Int32}"
# a condition that no index can answer
BY_SCAN = "cityHash64(document_id, position) = cityHash64({document:Int32}, {position:Int32})"
SCAN_OF_DOCUMENT = (
    "select position, log_prob_nats from raw_token_score where cityHash64(model_id, corpus_id, step, document_id)"
    " = cityHash64({model:String}, {corpus:String}, {step:Int64}, {document:Int32}) order by position"
)


def measure(client: Client, question: str, places: list[dict[str, object]]) -> tuple[list[float], int]:
    """Seconds of each answer, and the rows of all of them."""
    seconds, row_count = [], 0
    for place in places:
        started = time.perf_counter()
        row_count += len(client.query(question, parameters=place).result_rows)
        seconds.append(time.perf_counter() - started)
    return seconds, row_count


def fill_once(address: WarehouseAddress, models: int, checkpoints: int, tokens: int) -> None:
    """Fill the database unless it holds as many scores already."""
    apply_migrations(address, read_migrations(packaged_migrations()))
    with connect(address) as client:
        started = time.perf_counter()
        if client.query("select count() from raw_token_score").result_rows != [(models * checkpoints * tokens,)]:
            fill(client, models=models, checkpoints=checkpoints, tokens=tokens)
        rows, stored_bytes, parts = client.query(
            "select sum(rows), sum(data_compressed_bytes), count() from system.parts"
            " where active and database = currentDatabase() and table = 'raw_token_score'"
        ).result_rows[0]
        seconds = time.perf_counter() - started
        print(f"{rows / 1e6:.0f} M scores, {stored_bytes / 1e9:.2f} GB, {parts} parts; filled in {seconds:.0f} s")


def main() -> None:
    """Fill, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--checkpoints", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=5_000_000)
    parser.add_argument("--directory", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = (arguments.directory or Path(temporary)) / "warehouse"
        endpoint = ensure_running(directory)
        address = WarehouseAddress.parse(endpoint.url, DATABASE, user=endpoint.user, password=endpoint.password)
        try:
            fill_once(address, arguments.models, arguments.checkpoints, arguments.tokens)
            ask(address, arguments.models, arguments.checkpoints, arguments.tokens // DOCUMENT_TOKENS)
            with connect(address) as client:
                client.command("optimize table raw_token_score final")
            print("merged to a part for each checkpoint, as the server does by itself in time:")
            ask(address, arguments.models, arguments.checkpoints, arguments.tokens // DOCUMENT_TOKENS)
        finally:
            stop(directory)


def ask(address: WarehouseAddress, models: int, checkpoints: int, documents: int) -> None:
    """Ask each question about twenty places, scan for two of them, and print milliseconds and ratios."""
    generator = random.Random(0)
    places: list[dict[str, object]] = [
        {
            "corpus": CORPUS_ID,
            "model": f"{SUITE_ID}/model-{generator.randint(1, models)}",
            "step": STEP_INTERVAL * generator.randrange(checkpoints),
            "document": generator.randrange(documents),
            "position": generator.randint(1, DOCUMENT_TOKENS),
        }
        for _ in range(20)
    ]
    print(f"{'':42}{'first':>9}{'median':>9}{'slowest':>9}{'scan':>10}{'ratio':>8}   ms")
    with connect(address) as client:
        for name, question, scan in (
            ("one token in every model and checkpoint", SERIES % BY_KEY, SERIES % BY_SCAN),
            ("one document at one checkpoint", DOCUMENT, SCAN_OF_DOCUMENT),
        ):
            seconds, _ = measure(client, question, places)
            scanned, scanned_rows = measure(client, scan, places[:2])
            assert scanned_rows == measure(client, question, places[:2])[1], "the scan answers otherwise"
            median, scan_median = statistics.median(seconds), statistics.median(scanned)
            figures = [value * 1e3 for value in (seconds[0], median, max(seconds))]
            print(
                f"{name:42}{figures[0]:9.1f}{figures[1]:9.1f}{figures[2]:9.1f}"
                f"{scan_median * 1e3:10.0f}{scan_median / median:8.0f}"
            )


if __name__ == "__main__":
    main()
