"""The audit of a suite: every check of every checkpoint, from listings that are made already.

Of remote checkpoints only metadata is looked at: everything but values and shapes can be said before anything is
downloaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.audit.comparison import (
    Place,
    find_deviants,
    find_duplicates,
    find_foreign_shards,
    place_of,
)
from trailhouse.models.checkpoints.audit.finding import CHECKS, Finding
from trailhouse.models.checkpoints.audit.weights import find_configuration_mismatch, find_non_finite_tensor, read_shapes
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.sources.source import FailedCheckpoint, Listing
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite

Problem = tuple[str, str]  # message and hint


@dataclass(frozen=True)
class AuditInput:
    """What an audit starts from."""

    suite: Suite
    listings: Mapping[str, Listing]
    """By model_id."""
    scored_identities: Mapping[Place, frozenset[tuple[str, str, str]]] = field(default_factory=dict)
    """(weights_sha256, config_sha256, tokenizer_id) that the warehouse holds scores of, by (model_id, step)."""
    are_values_read: bool = True
    started_at: float = field(default_factory=time.time)
    """Seconds since the epoch; a file that is younger was written to during the audit."""
    progress: Callable[[int], None] | None = None


def audit_suite(audit: AuditInput) -> list[Finding]:
    """Return the findings of all checks for all checkpoints, declared ones that are missing included."""
    everything = [checkpoint for listing in audit.listings.values() for checkpoint in listing.checkpoints]
    duplicates = find_duplicates(everything)
    findings: list[Finding] = []
    for model in audit.suite.models:
        model_id = f"{audit.suite.suite_id}/{model.model_name}"
        findings.extend(_audit_model(audit, model, model_id, duplicates))
    return _keep_worst(findings)


def _keep_worst(findings: list[Finding]) -> list[Finding]:
    """Keep one finding for each checkpoint and check: a left-over beside a good checkpoint makes a second one."""
    order = ("unchecked", "ok", "known", "wrong")
    kept: dict[tuple[str, int, str], Finding] = {}
    for finding in findings:
        key = (finding.model_id, finding.step, finding.check_name)
        if key not in kept or order.index(finding.status) > order.index(kept[key].status):
            kept[key] = finding
    names = list(CHECKS)
    return sorted(kept.values(), key=lambda one: (one.model_id, one.step, names.index(one.check_name)))


def _audit_model(
    audit: AuditInput, model: ModelDeclaration, model_id: str, duplicates: Mapping[Place, list[Place]]
) -> list[Finding]:
    listing = audit.listings[model_id]
    comparison = {
        "duplicate": _explain_duplicates(duplicates, model_id),
        "shard": {
            place: (f"{name} is that of step {owner}", "upload the shard that belongs here")
            for place, (name, owner) in find_foreign_shards(listing.checkpoints).items()
        },
        "configuration": _explain_deviants(listing, "config.json differs from", lambda one: one.config_sha256),
        "tokenizer": _explain_deviants(listing, "the tokenizer differs from", lambda one: one.tokenizer_id),
        "shapes": _check_shapes(listing),
    }
    findings = []
    for checkpoint in listing.checkpoints:
        problems = {name: found.get(place_of(checkpoint)) for name, found in comparison.items()}
        problems["writing"] = _check_writing(audit, checkpoint)
        problems["values"] = _check_values(audit, checkpoint)
        problems["revision"] = _check_revision(audit, checkpoint)
        findings.extend(_report_checkpoint(audit, model, checkpoint, problems))
    for failure in listing.failures:
        findings.extend(_report_failure(model, model_id, failure))
    for failure in listing.unfinished:
        findings.append(_describe(model, model_id, failure, "writing", failure.error.message, failure.error.hint))
    findings.extend(_report_missing(model, model_id, listing))
    return findings


def _report_checkpoint(
    audit: AuditInput, model: ModelDeclaration, checkpoint: Checkpoint, problems: Mapping[str, Problem | None]
) -> list[Finding]:
    known = model.find_known_damage(checkpoint.step)
    unchecked = set()
    if checkpoint.is_remote:
        unchecked = {"values", "shapes"}
    elif not audit.are_values_read or checkpoint.is_pickled:
        unchecked = {"values"}
    findings = []
    for check_name in CHECKS:
        problem = problems.get(check_name)
        status = "unchecked" if check_name in unchecked else "ok" if problem is None else "wrong"
        finding = Finding(
            checkpoint.model_id,
            checkpoint.step,
            check_name,
            status,  # type: ignore[arg-type]  # one of the four
            *(problem or ("", "")),
            place=checkpoint.revision or str(checkpoint.directory),
            commit_hash=checkpoint.commit_hash,
            weights_sha256=checkpoint.weights_sha256,
        )
        is_forgiven = known is not None and (check_name == "declaration" or status == "wrong")
        findings.append(finding.forgive(known) if is_forgiven and known is not None else finding)
    return findings


def _report_failure(model: ModelDeclaration, model_id: str, failure: FailedCheckpoint) -> list[Finding]:
    """A checkpoint that could not be read is incomplete; what else is wrong with it cannot be said."""
    message, hint = failure.error.message, failure.error.hint
    findings = []
    for check_name in CHECKS:
        if check_name == "completeness":
            findings.append(_describe(model, model_id, failure, check_name, message, hint))
        elif check_name == "writing" and failure.is_unfinished:
            recent = "was written to less than a minute ago and is not whole"
            findings.append(
                _describe(model, model_id, failure, check_name, recent, "run this again when it is finished")
            )
        else:
            status = "ok" if check_name in ("declaration", "presence", "writing") else "unchecked"
            findings.append(Finding(model_id, failure.position.step, check_name, status, place=failure.place))  # type: ignore[arg-type]
    return findings


def _describe(
    model: ModelDeclaration, model_id: str, failure: FailedCheckpoint, check_name: str, message: str, hint: str
) -> Finding:
    finding = Finding(model_id, failure.position.step, check_name, "wrong", message, hint, failure.place)
    known = model.find_known_damage(failure.position.step)
    return finding if known is None else finding.forgive(known)


def _report_missing(model: ModelDeclaration, model_id: str, listing: Listing) -> list[Finding]:
    """Name the declared steps without a checkpoint; those after the last one of a local run may still come."""
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
        hint = "look for it where the run was saved, or name the step under known_damage"
        finding = Finding(
            model_id, step, "presence", "wrong", "the declared grid has this step, and it is missing", hint
        )
        findings.append(finding if known is None else finding.forgive(known))
    return findings


def _explain_duplicates(duplicates: Mapping[Place, list[Place]], model_id: str) -> dict[Place, Problem]:
    hint = "find out which step they belong to, and name the others under known_damage"
    explained = {}
    for place, others in duplicates.items():
        names = [f"step {step}" if other == model_id else f"{other} step {step}" for other, step in others[:5]]
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        explained[place] = (f"has the same weights as {', '.join(names)}{more}", hint)
    return explained


def _explain_deviants(listing: Listing, problem: str, read: Callable[[Checkpoint], str]) -> dict[Place, Problem]:
    hint = "check that the files belong to this run"
    deviants = find_deviants(listing.checkpoints, read)
    return dict.fromkeys(deviants, (f"{problem} that of most checkpoints of this model", hint))


def _check_shapes(listing: Listing) -> dict[Place, Problem]:
    local = [checkpoint for checkpoint in listing.checkpoints if not checkpoint.is_remote]
    shapes = {place_of(checkpoint): read_shapes(checkpoint) for checkpoint in local}
    problems: dict[Place, Problem] = {}
    for place, usual in find_deviants(local, lambda one: shapes[place_of(one)]).items():
        odd = sorted(set(shapes[place]) ^ set(usual))  # type: ignore[call-overload]  # Shapes are hashable and iterable
        problems[place] = (
            f"the tensor {odd[0][0]} is missing, new or of another shape than in the model's other checkpoints",
            "check that the files belong to this run",
        )
    for checkpoint in local:
        mismatch = find_configuration_mismatch(checkpoint, shapes[place_of(checkpoint)])
        if mismatch is not None:
            problems.setdefault(place_of(checkpoint), (mismatch, "copy the config.json that belongs to these weights"))
    return problems


def _check_writing(audit: AuditInput, checkpoint: Checkpoint) -> Problem | None:
    if checkpoint.is_remote:
        return None
    for file in checkpoint.weight_files:
        status = (checkpoint.directory / file.name).stat()
        if status.st_size != file.size_bytes or status.st_mtime > audit.started_at:
            return f"{file.name} is still being written", "run this again when it is finished"
    return None


def _check_values(audit: AuditInput, checkpoint: Checkpoint) -> Problem | None:
    if checkpoint.is_remote or checkpoint.is_pickled or not audit.are_values_read:
        return None
    for file in checkpoint.weight_files:
        try:
            name = find_non_finite_tensor(checkpoint.directory / file.name, audit.progress)
        except BadInputError as error:
            return error.message, error.hint
        if name is not None:
            return (
                f"{checkpoint.directory / file.name}: the tensor {name} holds NaN or infinity",
                "copy it again if it is damaged, or leave this checkpoint out",
            )
    return None


def _check_revision(audit: AuditInput, checkpoint: Checkpoint) -> Problem | None:
    present = (checkpoint.weights_sha256, checkpoint.config_sha256, checkpoint.tokenizer_id)
    scored = audit.scored_identities.get(place_of(checkpoint), frozenset())
    for index, name in enumerate(("other weights", "another config.json", "another tokenizer")):
        others = {identity[index] for identity in scored} - {present[index], ""}
        if others:
            return (
                f"there are scores of {name} ({min(others)[:12]}...) than what is here now ({present[index][:12]}...)",
                "run `trailhouse score` again to replace the scores, or restore what was scored",
            )
    return None
