"""The guard against zombies: runs whose process or host has died count as crashed, and not as running for ever."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import cast

from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.events import EventTrigger, Posture, ResourceSpecification
from prefect.events.actions import ChangeFlowRunState
from prefect.exceptions import ObjectNotFound

GUARD = "Trailhouse: runs without a heartbeat have crashed"
HEARTBEAT = "prefect.flow-run.heartbeat"
SILENCE = timedelta(seconds=120)  # four heartbeats


def guard_against_zombies(silence: timedelta = SILENCE) -> None:
    """Let the server count runs as crashed that have sent no heartbeat for so long; done once per server."""
    ended = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    with suppress(ObjectNotFound, ValueError):
        cast(Automation, Automation.read(name=GUARD))
        return
    Automation(
        name=GUARD,
        trigger=EventTrigger(
            after={HEARTBEAT},
            expect={HEARTBEAT, *ended},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                name=None, state=StateType.CRASHED, message="no heartbeat: the process or its host died", force=False
            )
        ],
    ).create()
