"""The standing service: the deployment that looks for new checkpoints, its schedule and its trigger."""

from __future__ import annotations

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
from trailhouse.flows.settings import Settings
from trailhouse.flows.watch_checkpoints import PUSHED_EVENT, watch_checkpoints

DEPLOYMENT = "standing"


def watch_forever(suites: list[str], corpora: list[str], interval_seconds: float, settings: Settings) -> None:
    """Look at the suites every ``interval_seconds`` and whenever a push is announced, until Ctrl-C or SIGTERM.

    Raises UsageError or BadInputError at once if a suite is not declared well.
    """
    suite_ids = [find_declared_suite(suite, settings).suite_id for suite in suites]
    places = [str(Path(suite).resolve()) if Path(suite).is_file() else suite for suite in suites]
    deployment = make_deployment(places, suite_ids, corpora, interval_seconds)
    serve(deployment, print_starting_message=False)


def make_deployment(
    suites: list[str], suite_ids: list[str], corpora: list[str], interval_seconds: float
) -> RunnerDeployment:
    """Describe the deployment: a look at a time; a look that comes due meanwhile is dropped."""
    made: Any = watch_checkpoints.to_deployment(
        DEPLOYMENT,
        interval=timedelta(seconds=interval_seconds),
        parameters={"suites": suites, "corpora": corpora},
        triggers=[
            DeploymentEventTrigger(
                name=f"Trailhouse: a checkpoint of {suite_id} was pushed",
                expect={PUSHED_EVENT},
                match=ResourceSpecification({"prefect.resource.id": name_resource(suite_id)}),
            )
            for suite_id in suite_ids
        ],
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        description="Scores new checkpoints and derives the marts",
        entrypoint_type=EntrypointType.MODULE_PATH,
        enforce_parameter_schema=False,
    )
    assert isinstance(made, RunnerDeployment)
    return made


def announce_push(suite_id: str, step: int | None) -> None:
    """Tell the Prefect server that a suite has a new checkpoint; returns once the server has the event."""
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
    """What Prefect calls a suite."""
    return f"trailhouse.suite.{suite_id}"
