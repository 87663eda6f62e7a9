"""This module audits the checkpoints of a suite and writes the findings to the warehouse."""

from __future__ import annotations

import time
from dataclasses import dataclass

from trailhouse.errors import PartialError
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.registration import find_checkpoints, list_audit_statuses, refuse_other_origin
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.audit.audit import AuditInput, audit_suite
from trailhouse.models.checkpoints.audit.finding import Finding
from trailhouse.support.progress import report_progress
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.audits import AuditFinding, read_scored_identities, write_audit
from trailhouse.warehouse.loading.catalogue import write_audit_statuses


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit of one suite: the number of checkpoints, and the findings."""

    suite_id: str
    checkpoint_count: int
    """Number of checkpoints that were found, including damaged ones."""
    findings: list[Finding]

    @property
    def noted(self) -> list[Finding]:
        """The findings to show to the user: wrong checkpoints, and known damage that the suite declares."""
        return [finding for finding in self.findings if finding.status in ("wrong", "known")]

    @property
    def wrong_count(self) -> int:
        """Number of missing or wrong checkpoints, without those that the suite declares as known damage."""
        return len({(found.model_id, found.step) for found in self.findings if found.status == "wrong"})

    def raise_if_wrong(self) -> None:
        """Raise PartialError if the audit found a wrong checkpoint."""
        if self.wrong_count:
            raise PartialError(
                f"something is wrong with {count_of(self.wrong_count, 'checkpoint')} of {self.suite_id}",
                "mend them, or name them under known_damage in the suite's declaration; none of them is scored"
                " that cannot be read",
            )


@dataclass
class ByteCounter:
    """Counts the bytes that were read, and reports the progress."""

    total: int
    done: int = 0

    def advance(self, count: int) -> None:
        """Add ``count`` bytes that were read."""
        self.done += count
        report_progress("Reading values", self.done, self.total)


def audit_checkpoints(suite: str, settings: Settings, *, are_values_read: bool = True) -> AuditReport:
    """Audit the checkpoints of a suite. For checkpoints on the hub, only the metadata is read.

    Registered checkpoints that are damaged are marked, so that the marts leave them out.

    A problem of a single checkpoint becomes a finding, not an error. Raises BadInputError if a model has no checkpoint
    at all, or if the suite was read from a directory and the warehouse's suite of this name has another origin. Raises
    UnreachableError if the hub does not answer.
    """
    started_at = time.time()
    declared = find_declared_suite(suite, settings)
    address = resolve_address(settings)
    with connect(address) as client:
        refuse_other_origin(client, declared)
        scored_identities = read_scored_identities(client, declared.suite_id)
    found = find_checkpoints(declared, settings)
    local = [one for listing in found.listings.values() for one in listing.checkpoints if not one.is_remote]
    counter = ByteCounter(sum(checkpoint.size_bytes for checkpoint in local))
    findings = audit_suite(
        AuditInput(declared, found.listings, scored_identities, are_values_read, started_at, counter.advance)
    )
    count = sum(len(listing.checkpoints) + len(listing.failures) for listing in found.listings.values())
    report = AuditReport(declared.suite_id, count, findings)
    with connect(address) as client:
        write_audit_statuses(client, list_audit_statuses(declared, found))
        write_audit(
            client,
            declared.suite_id,
            [to_row(finding) for finding in findings],
            checkpoint_count=count,
            wrong_count=report.wrong_count,
            are_values_read=are_values_read,
        )
    return report


def to_row(finding: Finding) -> AuditFinding:
    """Convert a finding of the audit to the row that the warehouse stores."""
    return AuditFinding(
        model_id=finding.model_id,
        step=finding.step,
        check_name=finding.check_name,
        status=finding.status,
        message=finding.message,
        hint=finding.hint,
        location=finding.location,
        commit_hash=finding.commit_hash,
        weights_sha256=finding.weights_sha256,
    )
