"""This module writes the catalogue: suites, models, checkpoints, corpora, documents and tokens.

Writing a record that is already stored changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import answering_promptly, as_text, read_row
from trailhouse.warehouse.loading.partition_load import Partition, replace_partition
from trailhouse.warehouse.loading.row_versions import next_version

Record = Mapping[str, object]
"""One row of a raw table, as a mapping from column names to values."""

# Columns with the time at which a row was written. A comparison of a record with the stored row ignores these columns.
VOLATILE_COLUMNS = frozenset({"updated_at", "discovered_at"})


def upsert(
    client: Client, table: str, key: Sequence[str], records: Sequence[Record], written_at: str = "updated_at"
) -> int:
    """Write the records that are new or changed to a table; return how many were written.

    ``table`` is a ReplacingMergeTree table with the version column ``written_at``, in which the latest row of each
    ``key`` is the valid row. A record that equals the valid row of its key is not written, so that the row's
    ``discovered_at`` does not change.
    """
    if not records:
        return 0
    columns = list(records[0])
    compared = [column for column in columns if column not in VOLATILE_COLUMNS]
    present = read_records(client, table, compared, key)
    changed = [
        record
        for record in records
        if present.get(tuple(record[name] for name in key)) != tuple(record[name] for name in compared)
    ]
    if changed:
        with answering_promptly(client):
            version = next_version(client, table, written_at)
            rows = [[*(record[name] for name in columns), version] for record in changed]
            client.insert(table, rows, column_names=[*columns, written_at])
    return len(changed)


def read_records(
    client: Client, table: str, columns: Sequence[str], key: Sequence[str]
) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Return the valid row of each key of a ReplacingMergeTree table.

    The result maps the values of the ``key`` columns to the values of ``columns``.
    """
    with answering_promptly(client):
        result = client.query(f"select {', '.join(columns)} from {table} final")
    key_indices = [columns.index(name) for name in key]
    rows = [tuple(as_text(value) if isinstance(value, bytes) else value for value in row) for row in result.result_rows]
    return {tuple(row[index] for index in key_indices): row for row in rows}


def write_audit_statuses(client: Client, statuses: Mapping[tuple[str, int], str]) -> None:
    """Change the audit status of the checkpoints that are in raw_checkpoint. Other checkpoints are ignored.

    ``statuses`` holds the audit statuses by (model_id, step). A status is ok, or a description of the damage.
    """
    stored = read_records(client, "raw_checkpoint", ["model_id", "step", "audit_status"], ["model_id", "step"])
    changed: dict[tuple[str, str], list[int]] = defaultdict(list)
    for (model_id, step), status in statuses.items():
        if (model_id, step) in stored and stored[model_id, step] != (model_id, step, status):
            changed[model_id, status].append(step)
    for (model_id, status), steps in changed.items():
        with answering_promptly(client):
            client.command(
                "insert into raw_checkpoint select * replace ({status:String} as audit_status,"
                " greatest(now64(3, 'UTC'), updated_at + interval 1 millisecond) as updated_at)"
                " from raw_checkpoint final where model_id = {model_id:String} and step in {steps:Array(Int64)}",
                parameters={"status": status, "model_id": model_id, "steps": steps},
            )


def load_corpus(client: Client, record: Record, documents: pa.Table) -> bool:
    """Write a corpus and its documents, unless the warehouse already has the corpus with the same SHA-256.

    ``record`` is a row of raw_corpus, ``documents`` are rows of raw_document. Return whether anything was written.
    """
    corpus_id = str(record["corpus_id"])
    with answering_promptly(client):
        known = read_row(
            client,
            "select count() from raw_corpus final"
            " where corpus_id = {corpus_id:String} and corpus_sha256 = {corpus_sha256:String}"
            " and document_count = (select count() from raw_document where corpus_id = {corpus_id:String})",
            {"corpus_id": corpus_id, "corpus_sha256": record["corpus_sha256"]},
        )[0]
    if known:
        return False
    replace_partition(client, Partition("raw_document", (("corpus_id", corpus_id),)), [documents])
    upsert(client, "raw_corpus", ["corpus_id"], [record])
    return True


# The corpora and tokenizers whose tokens are gone: fewer tokens are stored than a checkpoint has scores.
LOST_TOKENS = (
    "select ledger.corpus_id as corpus_id, ledger.tokenizer_id as tokenizer_id from (select corpus_id, tokenizer_id,"
    " max(score_count) as score_count from raw_score_ledger final where is_complete group by corpus_id, tokenizer_id)"
    " as ledger left join (select tokenizer_id, corpus_id, count() as stored_count from raw_token"
    " group by tokenizer_id, corpus_id) as stored using (corpus_id, tokenizer_id)"
    " where stored.stored_count < ledger.score_count"
)


def find_lost_tokens(client: Client, corpus_id: str) -> set[str]:
    """Return the tokenizers under which a corpus was scored and whose tokens are gone."""
    with answering_promptly(client):
        rows = client.query(
            f"select tokenizer_id from ({LOST_TOKENS}) where corpus_id = {{corpus_id:String}}",
            parameters={"corpus_id": corpus_id},
        ).result_rows
    return {str(tokenizer_id) for (tokenizer_id,) in rows}


SPAN_COLUMNS = ("token_id", "byte_start", "byte_end")


def load_tokens(client: Client, tokenizer_id: str, corpus_id: str, tokens: pa.Table) -> bool:
    """Write the tokens of a corpus under one tokenizer. If the stored ids and spans are equal, nothing is written.

    ``tokens`` are rows of raw_token, ordered by (document_id, position). Return whether anything was written.
    """
    partition = Partition("raw_token", (("tokenizer_id", tokenizer_id), ("corpus_id", corpus_id)))
    with answering_promptly(client):
        stored = client.query_arrow(
            f"select {', '.join(SPAN_COLUMNS)} from raw_token where {partition.condition}"
            " order by document_id, position"
        )
    if stored.num_rows == tokens.num_rows and all(
        stored[name].cast(pa.int32()).equals(tokens[name]) for name in SPAN_COLUMNS
    ):
        return False
    replace_partition(client, partition, [tokens])
    return True
