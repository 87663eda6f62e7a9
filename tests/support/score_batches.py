"""Small batches of raw_token_score, and the checkpoints that they belong to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.loading.score_ledger import LedgerEntry, ScoredPartition, load_scores


def score_batch(document_id: int, position_count: int, log_prob_nats: float = -1.5) -> pa.RecordBatch:
    """Return the scores of one document, all with the same log-probability."""
    return pa.record_batch(
        {
            "document_id": pa.array(np.full(position_count, document_id, np.int32)),
            "position": pa.array(np.arange(1, position_count + 1, dtype=np.int32)),
            "log_prob_quanta": pa.array(np.full(position_count, round(log_prob_nats * 10000), np.int32)),
            "quanta_per_nat": pa.array(np.full(position_count, 10000, np.uint16)),
        }
    )


def scored_partition(step: int = 100, weights: str = "a", **settings: object) -> ScoredPartition:
    """Return what identifies the scores of a checkpoint; the hash of its weights is the digit ``weights`` repeated."""
    return ScoredPartition("suite/model", "corpus", step, weights * 64, "c" * 64, "tokenizer", settings)


def load(client: Client, scored: ScoredPartition, batches: Iterable[pa.RecordBatch]) -> LedgerEntry:
    """Load scores, as a new scoring run that begins now."""
    return load_scores(client, scored, batches, uuid.uuid4(), datetime.now(UTC))


def read_content(client: Client) -> list[tuple]:
    """Return all rows of the scores, sorted."""
    return client.query(
        "select model_id, corpus_id, step, document_id, position, log_prob_nats from raw_token_score order by all"
    ).result_rows


def count_staging_tables(client: Client) -> int:
    """Return how many staging tables there are."""
    return client.query(
        "select count() from system.tables where database = currentDatabase() and startsWith(name, 'stage_')"
    ).result_rows[0][0]
