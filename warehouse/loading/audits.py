"""This module writes and reads the results of audits. An audit is ignored unless it has a row in raw_audit_run."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import as_text
from trailhouse.warehouse.loading.row_versions import next_version


@dataclass(frozen=True)
class AuditFinding:
    """The result of one check of one checkpoint, as a row of raw_checkpoint_audit without suite_id and audit_run_id."""

    model_id: str
    step: int
    check_name: str
    status: str
    """The result: ok, wrong, known (damage that the suite's declaration names) or unchecked."""
    message: str
    """What is wrong; empty if nothing is wrong."""
    hint: str
    location: str
    """Directory of the checkpoint, or its revision on the hub."""
    commit_hash: str
    weights_sha256: str


# Columns of raw_checkpoint_audit for the fields of AuditFinding, in the order of the fields. The field ``hint`` has the
# column ``cure``, and the field ``location`` has the column ``place``.
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
    """Return the weights, configurations and tokenizers from which the complete scores of a suite were computed.

    The result has a set of (weights_sha256, config_sha256, tokenizer_id) for each (model_id, step).
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


def read_latest_findings(client: Client, suite_id: str) -> tuple[uuid.UUID | None, list[AuditFinding]]:
    """Return the id and the findings of a suite's latest finished audit.

    If the suite has no finished audit, the id is None and there are no findings.
    """
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
    """Write the findings of an audit, and then the audit's row in raw_audit_run. Return the id of the audit.

    Findings of an audit without a row in raw_audit_run are ignored, so an audit that is killed between the two writes
    has no effect. If the suite's latest audit has equal findings, nothing is written and the id of that audit is
    returned. Otherwise `trailhouse watch` would write equal findings every few minutes.
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
