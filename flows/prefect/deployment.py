"""This module defines the Prefect deployment of the standing service.

The standing service scores and evaluates new checkpoints. Its deployment runs the flow ``watch_checkpoints`` on a
schedule, and whenever ``announce_push`` announces a new checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger, Event, Resource, ResourceSpecification
from prefect.events.clients import get_events_client
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.asyncutils import run_coro_as_sync

from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.prefect.crashed_runs import install_crash_guard
from trailhouse.flows.settings import Settings
from trailhouse.flows.watch_checkpoints import PUSHED_EVENT, watch_checkpoints
from trailhouse.models.few_shot.tasks.discovery import find_tasks
from trailhouse.models.sequences.decoding.configuration import find_preset

DEPLOYMENT = "standing"


@dataclass(frozen=True)
class WatchedSubjects:
    """The suites that a standing service watches, and the corpora and tasks on which it scores new checkpoints.

    With ``presets``, it also generates texts with the final checkpoints of each suite; see ``generate_for_suite``. All
    of them become parameters of the flow ``watch_checkpoints``.
    """

    suites: Sequence[str]
    corpora: Sequence[str]
    tasks: Sequence[str] = ()
    shot_counts: Sequence[int] = (2,)
    presets: Sequence[str] = ()


def watch_forever(subjects: WatchedSubjects, interval_seconds: float, settings: Settings) -> None:
    """Run ``watch_checkpoints`` every ``interval_seconds`` and after each ``announce_push``, until Ctrl-C or SIGTERM.

    Raises UsageError or BadInputError before the first run if the YAML file of a suite is wrong, if tasks cannot be
    read, or if a preset is unknown.
    """
    suite_ids = [find_declared_suite(suite, settings).suite_id for suite in subjects.suites]
    if subjects.tasks:
        find_tasks(subjects.tasks)
    for preset in subjects.presets:
        find_preset(preset)
    install_crash_guard()
    serve(make_deployment(subjects, suite_ids, interval_seconds), print_starting_message=False)


def make_deployment(subjects: WatchedSubjects, suite_ids: list[str], interval_seconds: float) -> RunnerDeployment:
    """Return the deployment of the standing service.

    Only one run is active at a time. A run that becomes due while another run is active is cancelled.
    """
    parameters = {
        "suites": [make_absolute(suite) for suite in subjects.suites],
        "corpora": list(subjects.corpora),
        "tasks": [make_absolute(place) for place in subjects.tasks],
        "shot_counts": list(subjects.shot_counts),
        "presets": list(subjects.presets),
    }
    made: Any = watch_checkpoints.to_deployment(
        DEPLOYMENT,
        interval=timedelta(seconds=interval_seconds),
        parameters=parameters,
        triggers=[
            DeploymentEventTrigger(
                name=f"Trailhouse: a checkpoint of {suite_id} was pushed",
                expect={PUSHED_EVENT},
                match=ResourceSpecification({"prefect.resource.id": name_resource(suite_id)}),
            )
            for suite_id in suite_ids
        ],
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        description="Scores and evaluates new checkpoints and derives the marts",
        entrypoint_type=EntrypointType.MODULE_PATH,
        enforce_parameter_schema=False,
    )
    assert isinstance(made, RunnerDeployment)
    return made


def make_absolute(name: str) -> str:
    """Return the absolute path of the file or directory ``name``; if it does not exist, return ``name`` unchanged."""
    return str(Path(name).resolve()) if Path(name).exists() else name


def announce_push(suite_id: str, step: int | None) -> None:
    """Send the Prefect server an event that a suite has a new checkpoint, and wait until the server has the event."""
    event = Event(
        event=PUSHED_EVENT,
        resource=Resource({"prefect.resource.id": name_resource(suite_id)}),
        payload={"suite_id": suite_id, "step": step},
    )

    async def emit() -> None:
        async with get_events_client() as client:
            await client.emit(event)

    run_coro_as_sync(emit())


def name_resource(suite_id: str) -> str:
    """Return the name by which Prefect's events identify a suite."""
    return f"trailhouse.suite.{suite_id}"
