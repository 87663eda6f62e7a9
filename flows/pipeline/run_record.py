"""This module records a run in raw_scoring_run, so that every score can be traced to the run that computed it.

A run is recorded when its first model begins to run, and again at its end. A run that is killed or interrupted keeps
its first record, which has no end. A run in which no model ran is not recorded.
"""

from __future__ import annotations

import getpass
import json
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from trailhouse import __version__
from trailhouse.flows.pipeline.outcome import CheckpointOutcome
from trailhouse.flows.pipeline.pipeline import Pipeline
from trailhouse.models.scoring.load_model import library_versions
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.catalogue import upsert

UnitT = TypeVar("UnitT")


def record_begin(pipeline: Pipeline[UnitT], outcome: CheckpointOutcome) -> None:
    """Record that a run has begun, unless this is recorded already. ``outcome`` is that of its first checkpoint.

    Only the thread that holds the lock ``running`` of the pipeline may call this function.
    """
    if pipeline.steps.is_run_recorded:
        return
    write_run(pipeline, [outcome], finished_at=None)
    pipeline.steps.is_run_recorded = True


def record_end(pipeline: Pipeline[UnitT], outcomes: Sequence[CheckpointOutcome]) -> None:
    """Record the end of a run and its results, if its beginning is recorded. ``outcomes`` holds all outcomes."""
    if pipeline.steps.is_run_recorded:
        write_run(pipeline, outcomes, finished_at=datetime.now(UTC))


def write_run(
    pipeline: Pipeline[UnitT], outcomes: Sequence[CheckpointOutcome], *, finished_at: datetime | None
) -> None:
    """Write the row of a run in raw_scoring_run. If the run has a row, it is replaced."""
    inserted = [unit for outcome in outcomes for unit in outcome.inserted]
    record = {
        "scoring_run_id": pipeline.scoring_run_id,
        "run_kind": pipeline.kind.wording.run_kind,
        "started_at": pipeline.started_at,
        "finished_at": finished_at,
        "user_name": getpass.getuser(),
        "host_name": platform.node(),
        "trailhouse_version": __version__,
        "device": name_distinct(outcome.device for outcome in outcomes),
        "dtype": pipeline.kind.settings.dtype,
        "attention_implementation": name_distinct(outcome.attention_implementation for outcome in outcomes),
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
