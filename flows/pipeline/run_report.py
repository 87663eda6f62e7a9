"""This module reports a run: it records the run in the warehouse, tabulates its checkpoints, and raises its errors."""

from __future__ import annotations

import getpass
import json
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from prefect.artifacts import create_table_artifact

from trailhouse import __version__
from trailhouse.errors import AllFailedError, PartialError, TrailhouseError
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, Wording
from trailhouse.flows.pipeline.outcome import CheckpointOutcome
from trailhouse.flows.pipeline.pipeline import Pipeline
from trailhouse.models.scoring.load_model import library_versions
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.catalogue import upsert

UnitT = TypeVar("UnitT")


def report_run(
    pipeline: Pipeline[UnitT], outcomes: Sequence[CheckpointOutcome], started_at: datetime, done_count: int
) -> None:
    """Record a run, store a table of its checkpoints as a Prefect artifact, and raise an error if anything failed.

    ``done_count`` is the number of units of work that were in the ledger when the run began. The raised errors are
    those of ``raise_failures``.
    """
    record_run(pipeline, outcomes, started_at)
    leave_table(pipeline.kind.wording, outcomes)
    raise_failures(pipeline.kind.wording, outcomes, done_count)


def record_run(pipeline: Pipeline[UnitT], outcomes: Sequence[CheckpointOutcome], started_at: datetime) -> None:
    """Write the run to raw_scoring_run, so that every score can be traced to the run that computed it.

    A run in which no model ran is not recorded.
    """
    computed = [outcome for outcome in outcomes if outcome.computed]
    if not computed:
        return
    inserted = [unit for outcome in outcomes for unit in outcome.inserted]
    record = {
        "scoring_run_id": pipeline.scoring_run_id,
        "run_kind": pipeline.kind.wording.run_kind,
        "started_at": started_at,
        "finished_at": datetime.now(UTC),
        "user_name": getpass.getuser(),
        "host_name": platform.node(),
        "trailhouse_version": __version__,
        "device": name_distinct(outcome.device for outcome in computed),
        "dtype": pipeline.kind.settings.dtype,
        "attention_implementation": name_distinct(outcome.attention_implementation for outcome in computed),
        "batch_policy": pipeline.kind.batch_policy,
        "library_versions": json.dumps(library_versions(), sort_keys=True),
        "score_count": sum(unit.token_count for unit in inserted),
        "checkpoint_count": sum(bool(outcome.inserted) for outcome in outcomes),
        "tokens_per_second": measure_speed(outcomes),
        "verified_count": pipeline.kind.verification.target_count,
        "largest_difference_nats": pipeline.kind.verification.largest_difference_nats,
    }
    with connect(pipeline.address) as client:
        upsert(client, "raw_scoring_run", ["scoring_run_id"], [record])


def measure_speed(outcomes: Sequence[CheckpointOutcome]) -> float:
    """Return how many tokens the models scored per second of their running time. Copied scores do not count."""
    run_seconds = sum(outcome.run_seconds for outcome in outcomes)
    token_count = sum(unit.token_count for outcome in outcomes for unit in outcome.computed)
    return token_count / run_seconds if run_seconds else 0.0


def name_distinct(names: Iterable[str]) -> str:
    """Return the distinct names as one sorted text with commas, for example the devices of a run.

    Empty names are left out.
    """
    return ", ".join(sorted(set(names) - {""}))


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

    ``done_count`` is the number of units that were done before the run. If any unit was done before or during the run,
    PartialError is raised. If no unit was done and there is one error, this error is raised. If no unit was done and
    there are several errors, AllFailedError is raised with the exit code of the first error.
    """
    failed = [outcome for outcome in outcomes if outcome.failures]
    lines = [f"{outcome.name}: {failure.message}" for outcome in failed for failure in outcome.failures]
    if not failed:
        return
    succeeded_count = done_count + sum(len(outcome.inserted) + outcome.elsewhere_count for outcome in outcomes)
    first = failed[0].failures[0].error
    if succeeded_count == 0 and len(lines) == 1:
        raise first
    hint = first.hint if isinstance(first, TrailhouseError) else "see the log of the run"
    if succeeded_count == 0:
        exit_code = first.exit_code if isinstance(first, TrailhouseError) else 1
        raise AllFailedError(f"{len(failed)} checkpoints failed; the first: {lines[0]}", hint, lines, exit_code)
    raise PartialError(
        f"{len(failed)} checkpoints failed, the others are {wording.participle}; the first: {lines[0]}",
        "mend them and run the same command again",
        lines,
    )
