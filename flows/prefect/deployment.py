"""This module defines the Prefect deployment of the standing service.

The standing service scores and evaluates new checkpoints. Its deployment runs the flow ``watch_checkpoints`` on a
schedule, and whenever ``announce_push`` announces a new checkpoint.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger, Event, Resource, ResourceSpecification
from prefect.events.clients import get_events_client
from prefect.exceptions import TerminationSignal
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.asyncutils import run_coro_as_sync

from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.prefect.crashed_runs import install_crash_guard
from trailhouse.flows.prefect.watched_subjects import WatchedSubjects
from trailhouse.flows.settings import Settings, name_watcher
from trailhouse.flows.watch_checkpoints import PUSHED_EVENT, watch_checkpoints
from trailhouse.support.processes import identify_process

DEPLOYMENT = "standing"


class StandingRunner(Runner):
    """Prefect's runner, which ends on SIGTERM as it does on Ctrl-C. Prefect's own way leaves a coroutine behind."""

    def handle_sigterm(self, *_: object, **__: object) -> None:
        """Send this process the signal of Ctrl-C, which asyncio handles."""
        os.kill(os.getpid(), signal.SIGINT)


def watch_forever(subjects: WatchedSubjects, interval_seconds: float, settings: Settings) -> None:
    """Run ``watch_checkpoints`` every ``interval_seconds`` and after each ``announce_push``, until Ctrl-C or SIGTERM.

    ``require_subjects`` has checked what is watched. A poll that runs ends with this process, however it ends.
    """
    suite_ids = [find_declared_suite(suite, settings).suite_id for suite in subjects.suites]
    install_crash_guard()
    name_watcher(identify_process(os.getpid()))
    runner = StandingRunner()
    runner.add_deployment(make_deployment(subjects, suite_ids, interval_seconds))
    with suppress(KeyboardInterrupt, TerminationSignal):
        asyncio.run(runner.start())


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
