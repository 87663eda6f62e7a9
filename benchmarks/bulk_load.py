"""Bulk load of token scores against its peer: a raw column-oriented insert of the same rows over HTTP.

    python benchmarks/bulk_load.py [--scores 2000000] [--runs 3]

Both go to the embedded server. Ours includes staging, the count check, partition replacement, the checksum and the
ledger entry. Also prints the bytes that one score takes on disk, all columns included, for every rounding.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.server.process import ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.score_ledger import ScoredPartition, load_scores
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

BATCH_ROWS = 1_000_000
DOCUMENT_TOKENS = 2048
ROUNDINGS = {10000: "1e-4 nats", 1000: "1e-3 nats", 0: "lossless"}


def simulate_batches(score_count: int, quanta_per_nat: int) -> Iterator[pa.RecordBatch]:
    """Yield rows of raw_token_score whose log-probabilities are spread as those of a trained model."""
    generator = np.random.default_rng(0)
    for first in range(0, score_count, BATCH_ROWS):
        rows = np.arange(first, min(first + BATCH_ROWS, score_count))
        log_prob_nats = -generator.gamma(0.5, 5.0, len(rows)).astype(np.float32)
        is_lossless = quanta_per_nat == 0
        quanta = log_prob_nats.view(np.int32) if is_lossless else np.round(log_prob_nats * quanta_per_nat)
        yield pa.record_batch(
            {
                "document_id": pa.array((rows // DOCUMENT_TOKENS).astype(np.int32)),
                "position": pa.array((rows % DOCUMENT_TOKENS + 1).astype(np.int32)),
                "log_prob_quanta": pa.array(quanta.astype(np.int32)),
                "quanta_per_nat": pa.array(np.full(len(rows), quanta_per_nat, np.uint16)),
            }
        )


def load_ours(client: Client, score_count: int, step: int, quanta_per_nat: int = 10000) -> float:
    """Load a checkpoint as Trailhouse does; returns seconds."""
    scored = ScoredPartition("bench/model", "corpus", step, "a" * 64, "c" * 64, "tokenizer", {"step": step})
    batches = list(simulate_batches(score_count, quanta_per_nat))
    started = time.perf_counter()
    load_scores(client, scored, batches, uuid.uuid4(), datetime.now(UTC))
    return time.perf_counter() - started


def load_raw(client: Client, score_count: int, step: int) -> float:
    """Insert the same rows column by column, with nothing around it; returns seconds."""
    columns_of = []
    for batch in simulate_batches(score_count, 10000):
        columns = [column.to_numpy() for column in batch.columns]
        keys = [["peer/model"] * batch.num_rows, ["corpus"] * batch.num_rows, np.full(batch.num_rows, step)]
        columns_of.append([*keys, *columns])
    names = ["model_id", "corpus_id", "step", "document_id", "position", "log_prob_quanta", "quanta_per_nat"]
    started = time.perf_counter()
    for columns in columns_of:
        client.insert(
            "raw_token_score", columns, column_names=names, column_oriented=True, settings={"async_insert": 0}
        )
    return time.perf_counter() - started


def bytes_per_score(client: Client, step: int) -> float:
    """Bytes on disk for one score of a step, key columns included."""
    row = client.query(
        "select sum(data_compressed_bytes) / sum(rows) from system.parts where active and table = 'raw_token_score'"
        " and database = currentDatabase() and partition like {pattern:String}",
        parameters={"pattern": f"%bench/model%,{step})"},
    ).result_rows[0]
    return float(row[0])


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        endpoint = ensure_running(Path(directory) / "warehouse")
        address = WarehouseAddress.parse(endpoint.url, "bench", user=endpoint.user, password=endpoint.password)
        apply_migrations(address, read_migrations(packaged_migrations()))
        with connect(address) as client:
            pairs = [
                (load_ours(client, arguments.scores, step), load_raw(client, arguments.scores, step))
                for step in range(arguments.runs)
            ]
            ours, raw = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
            print(f"staged load   {arguments.scores / ours / 1e6:6.2f} M scores/s")
            print(f"raw insert    {arguments.scores / raw / 1e6:6.2f} M scores/s")
            print(f"ratio         {raw / ours:6.2f}   (target: at least 0.8)")
            for step, (quanta_per_nat, name) in enumerate(ROUNDINGS.items(), start=1000):
                load_ours(client, arguments.scores, step, quanta_per_nat)
                print(f"{name:13} {bytes_per_score(client, step):6.2f} bytes per score")
        stop(Path(directory) / "warehouse")


if __name__ == "__main__":
    main()
