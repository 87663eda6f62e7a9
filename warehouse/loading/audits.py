"""Audits in the warehouse: findings first, then the row that says the audit is finished."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.row_versions import next_version
from trailhouse.warehouse.schema.migrations import as_text

Finding = Mapping[str, object]
# Columns of raw_checkpoint_audit, and the fields of a finding that they hold.
FINDING_COLUMNS = {
    "model_id": "model_id",
    "step": "step",
    "check_name": "check_name",
    "status": "status",
    "message": "message",
    "cure": "hint",
    "place": "place",
    "commit_hash": "commit_hash",
    "weights_sha256": "weights_sha256",
}


def read_scored_identities(client: Client, suite_id: str) -> dict[tuple[str, int], frozenset[tuple[str, str, str]]]:
    """Return what a suite's present scores were computed with, by (model_id, step).

    An identity is (weights_sha256, config_sha256, tokenizer_id).
    """
    rows = client.query(
        "select model_id, step, weights_sha256, JSONExtractString(settings, 'config_sha256'), tokenizer_id"
        " from raw_score_ledger final"
        " where is_complete and startsWith(model_id, {prefix:String})",
        parameters={"prefix": f"{suite_id}/"},
    ).result_rows
    found: dict[tuple[str, int], set[tuple[str, str, str]]] = defaultdict(set)
    for model_id, step, weights_sha256, config_sha256, tokenizer_id in rows:
        found[(str(model_id), int(step))].add((as_text(weights_sha256), str(config_sha256), str(tokenizer_id)))
    return {place: frozenset(identities) for place, identities in found.items()}


def read_latest_audit(client: Client) -> str | None:
    """Return when anything was last found by an audit, as text; None where there was no audit."""
    count, latest = read_row(client, "select count(), toString(max(audited_at)) from raw_audit_run")
    return str(latest) if count else None


def read_latest_findings(client: Client, suite_id: str) -> tuple[uuid.UUID | None, list[list[object]]]:
    """Return the latest finished audit of a suite, None where there was none, and its findings in FINDING_COLUMNS."""
    runs = client.query(
        "select audit_run_id from raw_audit_run where suite_id = {suite_id:String} order by audited_at desc limit 1",
        parameters={"suite_id": suite_id},
    ).result_rows
    if not runs:
        return None, []
    found = client.query(
        f"select {', '.join(FINDING_COLUMNS)} from raw_checkpoint_audit"
        " where suite_id = {suite_id:String} and audit_run_id = {audit_run_id:UUID}",
        parameters={"suite_id": suite_id, "audit_run_id": runs[0][0]},
    ).result_rows
    return runs[0][0], [list(row) for row in found]


def write_audit(
    client: Client,
    suite_id: str,
    findings: Sequence[Finding],
    *,
    checkpoint_count: int,
    wrong_count: int,
    are_values_read: bool,
) -> uuid.UUID:
    """Write the findings of an audit, and then that it is finished: cut off in between, it does not count.

    Nothing is written where the suite's latest audit found the same: a standing service looks every few minutes.
    Returns the audit that found it first.
    """
    rows = [[finding[field] for field in FINDING_COLUMNS.values()] for finding in findings]
    latest_run_id, latest_rows = read_latest_findings(client, suite_id)
    if latest_run_id is not None and sorted(rows, key=repr) == sorted(latest_rows, key=repr):
        return latest_run_id
    audit_run_id = uuid.uuid4()
    if rows:
        columns = ["audit_run_id", "suite_id", *FINDING_COLUMNS]
        client.insert("raw_checkpoint_audit", [[audit_run_id, suite_id, *row] for row in rows], column_names=columns)
    run = {
        "audit_run_id": audit_run_id,
        "suite_id": suite_id,
        "audited_at": next_version(client, "raw_audit_run", "audited_at"),
        "checkpoint_count": checkpoint_count,
        "wrong_count": wrong_count,
        "are_values_read": are_values_read,
        "finding_count": len(findings),
    }
    client.insert("raw_audit_run", [list(run.values())], column_names=list(run))
    return audit_run_id
