"""This module audits a suite: it applies every check to every checkpoint, and returns the results as findings.

The audit downloads no weights. So it cannot check the values and shapes of the weights of a remote checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trailhouse.models.checkpoints.audit.checks import (
    Problem,
    check_deviants,
    check_revision,
    check_shapes,
    check_shards,
    check_values,
    check_writing,
    explain_duplicates,
)
from trailhouse.models.checkpoints.audit.comparison import CheckpointKey, find_duplicates, key_of
from trailhouse.models.checkpoints.audit.finding import CHECKS, Finding, Status
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.sources.source import FailedCheckpoint, Listing
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite

SEVERITY: tuple[Status, ...] = ("unchecked", "ok", "known", "wrong")
"""The statuses of a finding, from the least to the most severe."""
CHECKED_OF_UNREADABLE = ("declaration", "presence", "writing")
"""The names of the checks that are possible even for a checkpoint that could not be read."""


@dataclass(frozen=True)
class AuditInput:
    """The suite to audit, its checkpoints, and the identities of the checkpoints that were scored before."""

    suite: Suite
    listings: Mapping[str, Listing]
    """The listing of each model's checkpoints, by model_id."""
    scored_identities: Mapping[CheckpointKey, frozenset[tuple[str, str, str]]] = field(default_factory=dict)
    """For each (model_id, step), the identities (weights_sha256, config_sha256, tokenizer_id) that were scored."""
    are_values_read: bool = True
    started_at: float = field(default_factory=time.time)
    """Start of the audit in seconds since the epoch. A file with a later modification time changed during the audit."""
    progress: Callable[[int], None] | None = None
    """A function that is called with the number of bytes read since its last call."""


def audit_suite(audit: AuditInput) -> list[Finding]:
    """Return the findings of all checks for all checkpoints. Declared steps without a checkpoint get a finding too.

    There is one finding per model, step and check. The findings are sorted by model, then by step, then by check.
    """
    everything = [checkpoint for listing in audit.listings.values() for checkpoint in listing.checkpoints]
    duplicates = find_duplicates(everything)
    findings: list[Finding] = []
    for model in audit.suite.models:
        model_id = f"{audit.suite.suite_id}/{model.model_name}"
        listing = audit.listings[model_id]
        findings.extend(_audit_checkpoints(audit, model, listing, explain_duplicates(duplicates, model_id)))
        for failure in listing.failures:
            findings.extend(_report_failure(model, model_id, failure))
        for failure in listing.unfinished:
            findings.append(_report_wrong(model, model_id, failure, "writing", _problem_of(failure)))
        findings.extend(_report_missing(model, model_id, listing))
    return _keep_most_severe(findings)


def _keep_most_severe(findings: list[Finding]) -> list[Finding]:
    """Keep only the most severe finding for each checkpoint and check.

    A check can have two findings for one step: one for the complete checkpoint, and one for the remains of an
    unfinished checkpoint of this step.
    """
    kept: dict[tuple[str, int, str], Finding] = {}
    for finding in findings:
        key = (finding.model_id, finding.step, finding.check_name)
        if key not in kept or SEVERITY.index(finding.status) > SEVERITY.index(kept[key].status):
            kept[key] = finding
    names = list(CHECKS)
    return sorted(kept.values(), key=lambda one: (one.model_id, one.step, names.index(one.check_name)))


def _audit_checkpoints(
    audit: AuditInput, model: ModelDeclaration, listing: Listing, duplicates: Mapping[CheckpointKey, Problem]
) -> list[Finding]:
    checkpoints = listing.checkpoints
    comparisons = {
        "duplicate": duplicates,
        "shard": check_shards(checkpoints),
        "configuration": check_deviants(checkpoints, "config.json differs from", lambda one: one.config_sha256),
        "tokenizer": check_deviants(checkpoints, "the tokenizer differs from", lambda one: one.tokenizer_id),
        "shapes": check_shapes(checkpoints),
    }
    findings = []
    for checkpoint in checkpoints:
        key, unchecked = key_of(checkpoint), _list_unchecked(audit, checkpoint)
        problems = {name: found.get(key) for name, found in comparisons.items()}
        problems["writing"] = check_writing(checkpoint, audit.started_at)
        problems["values"] = None if "values" in unchecked else check_values(checkpoint, audit.progress)
        problems["revision"] = check_revision(checkpoint, audit.scored_identities.get(key, frozenset()))
        findings.extend(_report_checkpoint(model, checkpoint, problems, unchecked))
    return findings


def _list_unchecked(audit: AuditInput, checkpoint: Checkpoint) -> set[str]:
    """Return the names of the checks that this audit does not apply to the checkpoint."""
    if checkpoint.is_remote:
        return {"values", "shapes"}
    return {"values"} if checkpoint.is_pickled or not audit.are_values_read else set()


def _report_checkpoint(
    model: ModelDeclaration, checkpoint: Checkpoint, problems: Mapping[str, Problem | None], unchecked: set[str]
) -> list[Finding]:
    known = model.find_known_damage(checkpoint.step)
    findings = []
    for check_name in CHECKS:
        problem = problems.get(check_name)
        status: Status = "unchecked" if check_name in unchecked else "ok" if problem is None else "wrong"
        message, hint = problem or ("", "")
        finding = Finding(
            checkpoint.model_id,
            checkpoint.step,
            check_name,
            status,
            message,
            hint,
            location=checkpoint.location,
            commit_hash=checkpoint.commit_hash,
            weights_sha256=checkpoint.weights_sha256,
        )
        if known is not None and (check_name == "declaration" or status == "wrong"):
            finding = finding.mark_known(known)
        findings.append(finding)
    return findings


def _report_failure(model: ModelDeclaration, model_id: str, failure: FailedCheckpoint) -> list[Finding]:
    """Return the findings for a checkpoint that could not be read. Most checks cannot be applied to it."""
    findings = []
    for check_name in CHECKS:
        if check_name == "completeness":
            finding = _report_wrong(model, model_id, failure, check_name, _problem_of(failure))
        elif check_name == "writing" and failure.is_unfinished:
            problem = (
                "was modified less than a minute ago and is not complete",
                "run this again when it is finished",
            )
            finding = _report_wrong(model, model_id, failure, check_name, problem)
        else:
            status: Status = "ok" if check_name in CHECKED_OF_UNREADABLE else "unchecked"
            finding = Finding(model_id, failure.position.step, check_name, status, location=failure.location)
        findings.append(finding)
    return findings


def _report_wrong(
    model: ModelDeclaration, model_id: str, failure: FailedCheckpoint, check_name: str, problem: Problem
) -> Finding:
    finding = Finding(model_id, failure.position.step, check_name, "wrong", *problem, failure.location)
    known = model.find_known_damage(failure.position.step)
    return finding if known is None else finding.mark_known(known)


def _problem_of(failure: FailedCheckpoint) -> Problem:
    return failure.error.message, failure.error.hint


def _report_missing(model: ModelDeclaration, model_id: str, listing: Listing) -> list[Finding]:
    """Return a finding for each declared step that has no checkpoint.

    For a local run, a step after the last checkpoint is not reported as wrong, because the run may still reach it.
    """
    found = {checkpoint.step for checkpoint in listing.checkpoints}
    found |= {failure.position.step for failure in (*listing.failures, *listing.unfinished)}
    last = max(found, default=-1)
    findings = []
    for step in model.expected_steps:
        if step in found:
            continue
        known = model.find_known_damage(step)
        if step > last and model.source in ("folder", "trainer", "miniature"):
            findings.append(Finding(model_id, step, "presence", "unchecked", "not reached yet"))
            continue
        message = "this step is declared under expected_steps, and its checkpoint is missing"
        hint = "look for it where the run was saved, or name the step under known_damage"
        finding = Finding(model_id, step, "presence", "wrong", message, hint)
        findings.append(finding if known is None else finding.mark_known(known))
    return findings
