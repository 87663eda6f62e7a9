"""Audits in the warehouse: findings first, then the row that says the audit is finished."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.migrations import as_text

Finding = Mapping[str, object]


def read_scored_weights(client: Client, suite_id: str) -> dict[tuple[str, int], frozenset[str]]:
    """Return the identities of the weights that a suite's present scores were computed with, by (model_id, step)."""
    rows = client.query(
        "select model_id, step, weights_sha256 from raw_score_ledger final"
        " where is_complete and startsWith(model_id, {prefix:String})",
        parameters={"prefix": f"{suite_id}/"},
    ).result_rows
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for model_id, step, weights_sha256 in rows:
        found[(str(model_id), int(step))].add(as_text(weights_sha256))
    return {place: frozenset(weights) for place, weights in found.items()}


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

    A finding has model_id, step, check_name, status, message, cure, place, commit_hash and weights_sha256.
    """
    audit_run_id = uuid.uuid4()
    if findings:
        columns = list(findings[0])
        rows = [[audit_run_id, suite_id, *(finding[column] for column in columns)] for finding in findings]
        client.insert("raw_checkpoint_audit", rows, column_names=["audit_run_id", "suite_id", *columns])
    run = {
        "audit_run_id": audit_run_id,
        "suite_id": suite_id,
        "audited_at": datetime.now(UTC),
        "checkpoint_count": checkpoint_count,
        "wrong_count": wrong_count,
        "are_values_read": are_values_read,
        "finding_count": len(findings),
    }
    client.insert("raw_audit_run", [list(run.values())], column_names=list(run))
    return audit_run_id
