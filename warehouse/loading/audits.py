"""Audits in the warehouse. The findings are written first, then the row that says that the audit is finished."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import as_text, read_row
from trailhouse.warehouse.loading.row_versions import next_version


@dataclass(frozen=True)
class AuditFinding:
    """The result of one check of one checkpoint; a row of raw_checkpoint_audit without suite and audit."""

    model_id: str
    step: int
    check_name: str
    status: str
    """ok, wrong, known or unchecked."""
    message: str
    """What was found; empty where nothing is wrong."""
    hint: str
    location: str
    """Directory of the checkpoint, or its revision on the hub."""
    commit_hash: str
    weights_sha256: str


# Columns of raw_checkpoint_audit in the order of the fields of AuditFinding; two of them have other names.
FINDING_COLUMNS = (
    "model_id",
    "step",
    "check_name",
    "status",
    "message",
    "cure",
    "place",
    "commit_hash",
    "weights_sha256",
)


def read_scored_identities(client: Client, suite_id: str) -> dict[tuple[str, int], frozenset[tuple[str, str, str]]]:
    """Return what a suite's complete scores were computed with, by (model_id, step).

    Each element is a (weights_sha256, config_sha256, tokenizer_id).
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
    return {key: frozenset(identities) for key, identities in found.items()}


def read_latest_audit(client: Client) -> str | None:
    """Return the time of the latest stored audit as text; None where there was no audit."""
    count, latest = read_row(client, "select count(), toString(max(audited_at)) from raw_audit_run")
    return str(latest) if count else None


def read_latest_findings(client: Client, suite_id: str) -> tuple[uuid.UUID | None, list[AuditFinding]]:
    """Return the latest finished audit of a suite and its findings; None and no findings where there was none."""
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
    return runs[0][0], [AuditFinding(*row) for row in found]


def write_audit(
    client: Client,
    suite_id: str,
    findings: Sequence[AuditFinding],
    *,
    checkpoint_count: int,
    wrong_count: int,
    are_values_read: bool,
) -> uuid.UUID:
    """Write the findings of an audit, then the row that says that it is finished; returns its id.

    An audit without that row does not count, so an audit that was killed between the two writes has no effect.
    Nothing is written if the suite's latest audit has the same findings, since `trailhouse watch` audits every few
    minutes; the id of that audit is returned.
    """
    latest_run_id, latest_findings = read_latest_findings(client, suite_id)
    if latest_run_id is not None and sorted(findings, key=repr) == sorted(latest_findings, key=repr):
        return latest_run_id
    audit_run_id = uuid.uuid4()
    if findings:
        columns = ["audit_run_id", "suite_id", *FINDING_COLUMNS]
        rows = [[audit_run_id, suite_id, *astuple(finding)] for finding in findings]
        client.insert("raw_checkpoint_audit", rows, column_names=columns)
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
