"""The score ledger: which checkpoint was scored on which corpus, with what. It is written after the data.

A checkpoint counts as scored when the ledger holds its score key and ``is_complete``. Scores that are about to
be replaced by scores of another key are marked incomplete first, so that at no moment does the ledger vouch for
rows that it does not describe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.warehouse.connection import answering_promptly, read_row
from trailhouse.warehouse.loading.load import Partition, copy_partition, replace_partition
from trailhouse.warehouse.loading.row_versions import next_version
from trailhouse.warehouse.schema.migrations import as_text


@dataclass(frozen=True)
class ScoredPartition:
    """What one partition of raw_token_score was made from; equal score keys mean equal scores."""

    model_id: str
    corpus_id: str
    step: int
    weights_sha256: str
    corpus_sha256: str
    tokenizer_id: str
    settings: Mapping[str, object]
    window: Mapping[str, int] = field(default_factory=dict)
    """Context length and stride as numbers: they follow from the settings and the model, so the key lacks them."""

    @property
    def score_key(self) -> str:
        """SHA-256 over everything that decides a score, as 64 hexadecimal digits."""
        parts = [self.weights_sha256, self.corpus_sha256, self.tokenizer_id, write_canonical(self.settings)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def settings_json(self) -> str:
        """What the ledger says about the settings: those of the key, with the numbers that were used."""
        return write_canonical({**self.settings, **self.window})

    @property
    def partition(self) -> Partition:
        """Where the scores are stored."""
        return Partition(
            "raw_token_score",
            (("model_id", self.model_id), ("corpus_id", self.corpus_id), ("step", self.step)),
        )


@dataclass(frozen=True)
class LedgerEntry:
    """One row of the ledger: a partition, how many scores it holds and who wrote it when."""

    scored: ScoredPartition
    scoring_run_id: UUID
    score_count: int = 0
    log_prob_sum_nats: float = 0.0
    duration_seconds: float = 0.0
    is_complete: bool = False


def write_canonical(settings: Mapping[str, object]) -> str:
    """Settings as JSON with sorted keys and no spaces."""
    return json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))


def read_score_keys(client: Client, corpus_id: str) -> dict[tuple[str, int], str]:
    """Score keys of the complete partitions of a corpus, by (model_id, step)."""
    with answering_promptly(client):
        rows = client.query(
            "select model_id, step, score_key from raw_score_ledger final"
            " where corpus_id = {corpus_id:String} and is_complete",
            parameters={"corpus_id": corpus_id},
        ).result_rows
    return {(model_id, step): as_text(score_key) for model_id, step, score_key in rows}


def read_latest_scoring(client: Client) -> str | None:
    """Return when the ledger was last written to, as text; None where nothing was ever scored."""
    count, latest = read_row(client, "select count(), toString(max(scored_at)) from raw_score_ledger")
    return str(latest) if count else None


def load_scores(
    client: Client,
    scored: ScoredPartition,
    batches: Iterable[pa.RecordBatch],
    scoring_run_id: UUID,
    started_at: datetime,
) -> LedgerEntry:
    """Make the batches the content of the partition, then enter it into the ledger.

    Killed at any point, the warehouse holds either no ledger entry for this key (the load is done again and
    replaces what is there) or the entry and all of its rows.
    """
    withdraw(client, scored, scoring_run_id)
    score_count = replace_partition(client, scored.partition, batches)
    return vouch(client, scored, score_count, scoring_run_id, started_at)


def copy_scores(client: Client, origin: tuple[str, int], scored: ScoredPartition) -> LedgerEntry:
    """Give a checkpoint the scores that ``origin``, a (model_id, step), has under the same score key.

    Equal keys mean equal weights, configuration, tokenizer, corpus and settings, so the model would say the same
    again. The entry names the run that computed the scores. Killed at any point, the warehouse is as after a load
    that was killed there.

    Raises BadInputError if the ledger does not vouch for the origin.
    """
    started_at = datetime.now(UTC)
    model_id, step = origin
    runs = client.query(
        "select scoring_run_id from raw_score_ledger final where model_id = {model_id:String} and step = {step:Int64}"
        " and corpus_id = {corpus_id:String} and score_key = {score_key:String} and is_complete",
        parameters={
            "model_id": model_id,
            "step": step,
            "corpus_id": scored.corpus_id,
            "score_key": scored.score_key,
        },
    ).result_rows
    if not runs:
        raise BadInputError(
            f"{scored.model_id} step {scored.step} has the weights of {model_id} step {step}, which was not scored",
            "mend that one, and run the same command again",
        )
    scoring_run_id: UUID = runs[0][0]
    withdraw(client, scored, scoring_run_id)
    source = replace(scored, model_id=model_id, step=step).partition
    row_count = copy_partition(client, source, scored.partition)
    return vouch(client, scored, row_count, scoring_run_id, started_at)


def vouch(
    client: Client, scored: ScoredPartition, score_count: int, scoring_run_id: UUID, started_at: datetime
) -> LedgerEntry:
    """Enter a partition that holds its scores into the ledger."""
    with answering_promptly(client):
        log_prob_sum_nats = read_row(
            client, f"select sum(toFloat64(log_prob_nats)) from raw_token_score where {scored.partition.condition}"
        )[0]
    entry = LedgerEntry(
        scored,
        scoring_run_id,
        score_count=score_count,
        log_prob_sum_nats=log_prob_sum_nats,
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        is_complete=True,
    )
    write_entry(client, entry)
    return entry


def retract_scores(client: Client, partitions: Iterable[tuple[str, int, str]]) -> int:
    """Withdraw the ledger's word for partitions, given as (model_id, step, corpus_id); returns how many it held.

    Their rows stay where they are; nothing is derived from them any more.
    """
    retracted = 0
    for model_id, step, corpus_id in partitions:
        rows = client.query(
            "select * from raw_score_ledger final where model_id = {model_id:String}"
            " and corpus_id = {corpus_id:String} and step = {step:Int64} and is_complete",
            parameters={"model_id": model_id, "corpus_id": corpus_id, "step": step},
        )
        for row in rows.named_results():
            kept = {**row, "is_complete": False, "scored_at": next_version(client, "raw_score_ledger", "scored_at")}
            client.insert("raw_score_ledger", [list(kept.values())], column_names=list(kept))
            retracted += 1
    return retracted


def withdraw(client: Client, scored: ScoredPartition, scoring_run_id: UUID) -> None:
    """Mark an entry of another key as incomplete before its rows are replaced."""
    present = read_score_keys(client, scored.corpus_id).get((scored.model_id, scored.step))
    if present is not None and present != scored.score_key:
        write_entry(client, LedgerEntry(scored, scoring_run_id))


def write_entry(client: Client, entry: LedgerEntry) -> None:
    """Append a ledger row; the latest row of a partition counts."""
    scored = entry.scored
    row = {
        "model_id": scored.model_id,
        "corpus_id": scored.corpus_id,
        "step": scored.step,
        "score_key": scored.score_key,
        "weights_sha256": scored.weights_sha256,
        "corpus_sha256": scored.corpus_sha256,
        "tokenizer_id": scored.tokenizer_id,
        "settings": scored.settings_json,
        "score_count": entry.score_count,
        "log_prob_sum_nats": entry.log_prob_sum_nats,
        "scoring_run_id": entry.scoring_run_id,
        "duration_seconds": entry.duration_seconds,
        "is_complete": entry.is_complete,
    }
    with answering_promptly(client):
        row["scored_at"] = next_version(client, "raw_score_ledger", "scored_at", scored.partition.condition)
        client.insert("raw_score_ledger", [list(row.values())], column_names=list(row))
