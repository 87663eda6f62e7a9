"""This module reports a run: it records the end of the run, tabulates its checkpoints, and raises its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from prefect.artifacts import create_table_artifact

from trailhouse.errors import AllFailedError, PartialError, TrailhouseError
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, Wording
from trailhouse.flows.pipeline.outcome import CheckpointOutcome
from trailhouse.flows.pipeline.pipeline import Pipeline
from trailhouse.flows.pipeline.run_record import record_end
from trailhouse.support.wording import count_of
from trailhouse.warehouse.failures import explain_failure

UnitT = TypeVar("UnitT")


def report_run(pipeline: Pipeline[UnitT], outcomes: Sequence[CheckpointOutcome], done_count: int) -> None:
    """Record a run, store a table of its checkpoints as a Prefect artifact, and raise an error if anything failed.

    ``done_count`` is the number of units of work that were in the ledger when the run began. The raised errors are
    those of ``raise_failures``.
    """
    record_end(pipeline, outcomes)
    leave_table(pipeline.kind.wording, outcomes)
    raise_failures(pipeline.kind.wording, outcomes, done_count)


def leave_table(wording: Wording, outcomes: Sequence[CheckpointOutcome]) -> None:
    """Store a table with one row per checkpoint as a Prefect artifact, unless there are no checkpoints."""
    if outcomes:
        rows = [describe_outcome(wording, outcome) for outcome in outcomes]
        key = f"{wording.participle}-checkpoints"
        create_table_artifact(rows, key=key, description=f"Checkpoints of a run of {wording.run_kind}")


def describe_outcome(wording: Wording, outcome: CheckpointOutcome) -> dict[str, object]:
    """Return the row of a checkpoint for the Prefect table of a run."""
    return {
        "model": outcome.model_id,
        "step": outcome.step,
        "state": outcome.describe_state(wording),
        "done": len(outcome.inserted),
        "failed": outcome.failed_count,
        "rows": sum(unit.row_count for unit in outcome.inserted),
        "mean log-prob (nats)": find_mean_log_prob(outcome.inserted),
        "message": "; ".join(failure.message for failure in outcome.failures),
    }


def find_mean_log_prob(inserted: Sequence[InsertedUnit]) -> float | None:
    """Return the mean log-probability, in nats, of a checkpoint that has exactly one inserted unit of work.

    Returns None if the checkpoint has no inserted unit or several, or if the mean of the unit is unknown.
    """
    return inserted[0].mean_log_prob_nats if len(inserted) == 1 else None


def raise_failures(wording: Wording, outcomes: Sequence[CheckpointOutcome], done_count: int) -> None:
    """Raise an error if any checkpoint or unit of work failed. The error names all failures.

    If the warehouse failed, the error that explains this is raised, because then the other failures follow from it.
    ``done_count`` is the number of units that were done before the run. If any unit was done before or during the run,
    PartialError is raised. If no unit was done and all failures have the same message, the first error is raised. If no
    unit was done and the messages differ, AllFailedError is raised with the exit code of the first error.
    """
    failed = [outcome for outcome in outcomes if outcome.failures]
    lines = [f"{outcome.name}: {failure.message}" for outcome in failed for failure in outcome.failures]
    if not failed:
        return
    for outcome in failed:
        for failure in outcome.failures:
            is_unclear = isinstance(failure.error, ConnectionError)  # the connection may be that to the hub
            if not is_unclear and (explained := explain_failure(failure.error)) is not None:
                raise explained
    succeeded_count = done_count + sum(len(outcome.inserted) + outcome.elsewhere_count for outcome in outcomes)
    first = failed[0].failures[0].error
    messages = {failure.message for outcome in failed for failure in outcome.failures}
    if succeeded_count == 0 and len(messages) == 1:
        raise first
    hint = first.hint if isinstance(first, TrailhouseError) else "see the log of the run"
    if succeeded_count == 0:
        exit_code = first.exit_code if isinstance(first, TrailhouseError) else 1
        raise AllFailedError(
            f"{count_of(len(failed), 'checkpoint')} failed; the first: {lines[0]}", hint, lines, exit_code
        )
    raise PartialError(
        f"{count_of(len(failed), 'checkpoint')} failed, the others are {wording.participle}; the first: {lines[0]}",
        "mend them and run the same command again",
        lines,
    )
