"""This module makes the ledgers of a snapshot state exactly the scores that the snapshot holds.

Before the scores of a checkpoint are replaced, its ledger row is marked as incomplete. The row that is written
afterwards has a later time. If a ledger row was complete and had the same time before and after the scores were frozen,
the frozen scores of its checkpoint are therefore the ones that the row describes.
"""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.score_ledger import STORED_COUNTS
from trailhouse.warehouse.upkeep.large_tables import ANY_SIZE
from trailhouse.warehouse.upkeep.table_digest import list_stored_tables

PARTITIONS_PER_STATEMENT = 500


@dataclass(frozen=True)
class _Ledger:
    """A ledger, the table of scores that it describes, and the columns of both."""

    name: str
    scores: str
    key: str
    written_at: str
    count: str
    stored_counts: str
    """Query of the key and the number of stored scores of each entry of the ledger."""


_SCORE_KEY = "model_id, corpus_id, step"
_EVALUATION_KEY = "model_id, step, task_id, shot_count, seed"
_LEDGERS = (
    _Ledger("raw_score_ledger", "raw_token_score", _SCORE_KEY, "scored_at", "score_count", STORED_COUNTS),
    _Ledger(
        "raw_evaluation_ledger",
        "raw_option_score",
        _EVALUATION_KEY,
        "evaluated_at",
        "option_count",
        f"select {_EVALUATION_KEY}, count() as stored_count from raw_option_score group by {_EVALUATION_KEY}",
    ),
)
LEDGERS = tuple(ledger.name for ledger in _LEDGERS)
SCORE_TABLES = tuple(ledger.scores for ledger in _LEDGERS)


def second_copy(ledger: str) -> str:
    """Return the name of the copy of a ledger that is made after the scores are frozen."""
    return f"{ledger}_afterwards"


def keep_stated_scores(client: Client) -> int:
    """Remove the ledger rows that do not describe the scores of the snapshot, and the scores without a ledger row.

    ``client`` is a client of the snapshot. Returns the number of checkpoints and evaluations whose rows are removed.
    """
    tables = list_stored_tables(client)
    left_out_count = 0
    for ledger in _LEDGERS:
        if ledger.name not in tables:
            continue
        if ledger.scores in tables:
            keep_unchanged_rows(client, ledger)
            left_out_count += remove_scores_without_entry(client, ledger)
        client.command(f"drop table if exists {second_copy(ledger.name)} sync")
    return left_out_count


def keep_unchanged_rows(client: Client, ledger: _Ledger) -> None:
    """Replace the first copy of a ledger by the rows of the second copy that describe the frozen scores.

    Rows that are marked as incomplete state no scores, and are kept.
    """
    kept = f"{ledger.name}_kept"
    client.command(f"create or replace table {kept} as {ledger.name}")
    client.command(
        f"insert into {kept} select * from {second_copy(ledger.name)} final where not is_complete"
        f" or (({ledger.key}, {ledger.written_at}) in"
        f" (select {ledger.key}, {ledger.written_at} from {ledger.name} final where is_complete)"
        f" and ({ledger.key}, {ledger.count}) in"
        f" (select {ledger.key}, toInt64(stored_count) from ({ledger.stored_counts})))"
    )
    client.command(f"truncate table {ledger.name}")
    client.command(f"insert into {ledger.name} select * from {kept}")
    client.command(f"drop table if exists {kept} sync")


def remove_scores_without_entry(client: Client, ledger: _Ledger) -> int:
    """Remove the scores that no complete row of the ledger describes. Return how many entries such scores have."""
    unstated = (
        f"from ({ledger.stored_counts}) where ({ledger.key}) not in"
        f" (select {ledger.key} from {ledger.name} final where is_complete)"
    )
    count = int(read_row(client, f"select count() {unstated}")[0])
    if count and ledger.name == "raw_score_ledger":  # each entry of this ledger is a partition of the scores
        rows = client.query(f"select partitionId({ledger.key}) {unstated}").result_rows
        partitions = [f"drop partition id {quote_literal(str(partition_id))}" for (partition_id,) in rows]
        for first in range(0, count, PARTITIONS_PER_STATEMENT):
            actions = ", ".join(partitions[first : first + PARTITIONS_PER_STATEMENT])
            client.command(f"alter table {ledger.scores} {actions}", settings=ANY_SIZE)
    elif count:
        client.command(
            f"alter table {ledger.scores} delete where ({ledger.key}) not in (select {ledger.key}"
            f" from {quote_identifier(str(client.database), ledger.name)} final where is_complete)"
            " settings mutations_sync = 2"
        )
    return count
