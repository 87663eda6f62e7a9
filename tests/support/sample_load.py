"""A small load for tests that disturb loads.

It consists of a corpus, its tokens, and the scores of two checkpoints with their ledger entries.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.models.texts.corpus import Corpus, Document, corpus_record, document_table
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.catalogue import load_corpus, load_tokens, upsert
from trailhouse.warehouse.loading.score_ledger import ScoredPartition, load_scores, read_score_keys

STEPS = (1, 2)
WRITTEN_TABLES = ("raw_suite", "raw_corpus", "raw_document", "raw_token", "raw_token_score", "raw_score_ledger")
DOCUMENT_COUNT = 3
POSITION_COUNT = 2000
ROW_COUNT = DOCUMENT_COUNT * POSITION_COUNT
"""Scores of one checkpoint."""
CORPUS = Corpus("few", "", "", tuple(Document(f"{index}.txt", f"text {index}") for index in range(DOCUMENT_COUNT)))


def scored_partition(step: int, weights: str = "a") -> ScoredPartition:
    """Return what identifies one checkpoint's scores; the hash of its weights is the digit ``weights`` repeated."""
    return ScoredPartition("s/m", CORPUS.corpus_id, step, weights * 64, CORPUS.corpus_sha256, "tokenizer", {})


def make_batches(step: int, quanta_offset: int = 0) -> Iterator[pa.RecordBatch]:
    """Yield random scores of one checkpoint, one batch per document; the step is the seed."""
    generator = np.random.default_rng(step)
    for document_id in range(DOCUMENT_COUNT):
        quanta = generator.integers(-90000, 0, POSITION_COUNT) + quanta_offset
        yield pa.record_batch({
            "document_id": pa.array(np.full(POSITION_COUNT, document_id, np.int32)),
            "position": pa.array(np.arange(POSITION_COUNT, dtype=np.int32)),
            "log_prob_quanta": pa.array(quanta.astype(np.int32)),
            "quanta_per_nat": pa.array(np.full(POSITION_COUNT, 10000, np.uint16)),
        })  # fmt: skip


def load_step(client: Client, step: int) -> None:
    """Load the scores of one checkpoint and enter it into the ledger."""
    load_scores(client, scored_partition(step), make_batches(step), uuid.uuid4(), datetime.now(UTC))


def load_everything(address: WarehouseAddress) -> None:
    """Load suite, corpus and tokens, and then the scores that the ledger lacks, in the order of `trailhouse score`."""
    with connect(address) as client:
        record = {"suite_id": "s", "description": "", "source": "folder", "declaration": ""}
        upsert(client, "raw_suite", ["suite_id"], [record])
        load_corpus(client, corpus_record(CORPUS), document_table(CORPUS))
        load_tokens(client, "tokenizer", CORPUS.corpus_id, token_rows())
        loaded = read_score_keys(client, CORPUS.corpus_id)
        for step in STEPS:
            if loaded.get(("s/m", step)) != scored_partition(step).score_key:
                load_step(client, step)


def token_rows() -> pa.Table:
    """Return two tokens for each document."""
    count = 2 * DOCUMENT_COUNT
    return pa.table({
        "document_id": pa.array(np.arange(count, dtype=np.int32) // 2),
        "position": pa.array(np.arange(count, dtype=np.int32) % 2),
        "token_id": pa.array(np.arange(count, dtype=np.int32)),
        "token_text": pa.array([f"t{index}" for index in range(count)]),
        "byte_start": pa.array(np.arange(count, dtype=np.int32) % 2),
        "byte_end": pa.array(np.arange(count, dtype=np.int32) % 2 + 1),
    })  # fmt: skip


def find_partial_checkpoints(client: Client) -> list[str]:
    """Describe each checkpoint that has missing or repeated scores, or that is in the ledger without its scores."""
    stored = {
        step: counts
        for step, *counts in client.query(
            "select step, count(), uniqExact(document_id, position) from raw_token_score group by step"
        ).result_rows
    }
    partial = [f"step {step}: {counts} rows and distinct keys" for step, counts in stored.items()
               if counts != [ROW_COUNT, ROW_COUNT]]  # fmt: skip
    committed = client.query("select step, score_count from raw_score_ledger final where is_complete").result_rows
    partial += [
        f"step {step}: in the ledger, not stored" for step, count in committed if stored.get(step, [0])[0] != count
    ]
    return partial
