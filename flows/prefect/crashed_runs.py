"""This module makes Prefect mark a run as crashed if the run's process or host has died.

Otherwise Prefect would show such a run as running for ever.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect import get_client
from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import AutomationSort
from prefect.events import EventTrigger, Posture, ResourceSpecification
from prefect.events.actions import ChangeFlowRunState
from prefect.events.filters import AutomationFilter, AutomationFilterName

from trailhouse.flows.pipeline.concurrency_limits import has_shared_server

AUTOMATION = "Trailhouse: runs without a heartbeat have crashed"
HEARTBEAT = "prefect.flow-run.heartbeat"
SILENCE = timedelta(seconds=120)  # A run sends four heartbeats in this time.


def guard_shared_server() -> None:
    """If several hosts share the Prefect server, let the server mark runs without a heartbeat as crashed.

    A server that is not shared needs no crash detection, because it ends with the command that started it.
    """
    if has_shared_server():
        install_crash_guard()


def install_crash_guard(silence: timedelta = SILENCE) -> None:
    """Let the Prefect server mark a run as crashed if the run has sent no heartbeat for ``silence``.

    The server does this by a Prefect automation. If the automation exists already, nothing is changed. If several
    workers create it at the same time, only the first one stays.
    """
    ended = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    if find_crash_guards():
        return
    automation = Automation(
        name=AUTOMATION,
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
    )
    automation.create()
    first, *_ = find_crash_guards()
    if automation.id != first:
        automation.delete()


def find_crash_guards() -> list[UUID]:
    """Return the ids of the automations that mark runs as crashed, the oldest first."""
    with get_client(sync_client=True) as client:
        found = client.read_automations(
            automations=AutomationFilter(name=AutomationFilterName(any_=[AUTOMATION])), sort=AutomationSort.CREATED_DESC
        )
    return [automation.id for automation in reversed(found)]
