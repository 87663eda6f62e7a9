"""Backup and restore of a warehouse of many small partitions, against `cp -r` of its folder.

    python benchmarks/backups.py [--models 10] [--checkpoints 154] [--corpora 3] [--tokens 2000] [--changed 46]

Prints seconds, files and bytes of a full backup, of an incremental backup after some checkpoints were scored again, of
one after nothing changed, and the seconds of restores. `cp -r` copies the same rows, and its copy cannot be restored
into a running warehouse; it shows what the disk and the number of files cost.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clickhouse_connect.driver.client import Client

from trailhouse.server.process import ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.backup import back_up
from trailhouse.warehouse.upkeep.backup_manifest import Manifest
from trailhouse.warehouse.upkeep.restore import restore

Result = TypeVar("Result")
DOCUMENT_TOKENS = 100


def fill(client: Client, models: int, checkpoints: int, corpora: int, tokens: int) -> None:
    """Write the scores of all checkpoints on all corpora, one partition each, and the ledger."""
    for model in range(models):
        for corpus in range(corpora):
            write_scores(client, f"made/m{model}", f"c{corpus}", 0, checkpoints, tokens, salt=0)
    write_ledger(client)


def write_scores(
    client: Client, model_id: str, corpus_id: str, first: int, checkpoints: int, tokens: int, salt: int
) -> None:
    """Write the scores of some checkpoints of a model on a corpus."""
    client.command(
        "insert into raw_token_score"
        " (model_id, corpus_id, step, document_id, position, log_prob_quanta, quanta_per_nat)"
        " select {m:String}, {c:String}, 1000 * ({first:Int64} + intDiv(number, {tokens:Int64})) as step,"
        f" intDiv(number % {{tokens:Int64}}, {DOCUMENT_TOKENS}), number % {DOCUMENT_TOKENS} + 1,"
        " - toInt32(cityHash64(number, step, {m:String}, {c:String}, {salt:Int64}) % 90000), 10000"
        " from numbers({tokens:Int64} * {n:Int64})",
        parameters={"m": model_id, "c": corpus_id, "first": first, "n": checkpoints, "tokens": tokens, "salt": salt},
        settings={"max_partitions_per_insert_block": 0},
    )


def write_ledger(client: Client) -> None:
    """Write a complete ledger row for every partition of scores."""
    client.command(
        "insert into raw_score_ledger (model_id, corpus_id, step, score_key, score_count, log_prob_sum_nats,"
        " is_complete, scored_at) select model_id, corpus_id, step, hex(SHA256(concat(model_id, corpus_id,"
        " toString(step)))), count(), sum(toFloat64(log_prob_nats)), true, now64() from raw_token_score"
        " group by model_id, corpus_id, step"
    )


def score_again(client: Client, count: int, tokens: int) -> None:
    """Replace the scores of the first ``count`` checkpoints of the first model on the first corpus."""
    for step in range(count):
        client.command(f"alter table raw_token_score drop partition tuple('made/m0', 'c0', {1000 * step})")
    write_scores(client, "made/m0", "c0", 0, count, tokens, salt=1)
    write_ledger(client)


def clock(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds that ``work`` takes, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def describe(manifest: Manifest) -> str:
    """Return files, bytes and partitions of a backup as text."""
    return f"{len(manifest.files):5} files {manifest.size_bytes / 1e6:8.1f} MB {manifest.copied_count:5} partitions"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("models", 10), ("checkpoints", 154), ("corpora", 3), ("tokens", 2000), ("changed", 46)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        endpoint = ensure_running(directory / "warehouse")
        stack.callback(stop, directory / "warehouse")
        address = WarehouseAddress.parse(endpoint.url, "bench", user=endpoint.user, password=endpoint.password)
        other = WarehouseAddress.parse(endpoint.url, "other", user=endpoint.user, password=endpoint.password)
        apply_migrations(address, read_migrations(packaged_migrations()))
        with connect(address) as client:
            fill(client, arguments.models, arguments.checkpoints, arguments.corpora, arguments.tokens)
        file_count = sum(1 for path in (directory / "warehouse").rglob("*") if path.is_file())
        copy = ["cp", "-r", str(directory / "warehouse"), str(directory / "copied")]
        peer_seconds, _ = clock(lambda: subprocess.run(copy, check=True))
        print(f"cp -r of the folder    {peer_seconds:7.1f} s {file_count:5} files")
        seconds, manifest = clock(lambda: back_up(address, directory / "full"))
        print(f"full backup            {seconds:7.1f} s {describe(manifest)}   ratio {seconds / peer_seconds:.2f}")
        with connect(address) as client:
            score_again(client, arguments.changed, arguments.tokens)
        seconds, manifest = clock(lambda: back_up(address, directory / "changed", since=directory / "full"))
        print(f"what changed           {seconds:7.1f} s {describe(manifest)}")
        seconds, manifest = clock(lambda: back_up(address, directory / "unchanged", since=directory / "changed"))
        print(f"nothing changed        {seconds:7.1f} s {describe(manifest)}")
        seconds, _ = clock(lambda: restore(other, directory / "full"))
        print(f"restore                {seconds:7.1f} s")
        seconds, _ = clock(lambda: restore(other, directory / "unchanged", replaces=True))
        print(f"restore of the chain   {seconds:7.1f} s")


if __name__ == "__main__":
    main()
