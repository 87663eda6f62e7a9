"""Global concurrency limits of a Prefect server: slots that several hosts share.

A slot is leased. The worker that holds it renews the lease, so the slots of a crashed worker become free.
"""

from __future__ import annotations

from contextlib import suppress

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL

from trailhouse.flows.settings import read_own_prefect_url

# Prefect renews a lease after three quarters of this time. The last quarter allows for a busy host or server.
LEASE_SECONDS = 120.0
# Time until the slots of a crashed worker are free: the lease, and up to 30 s until the server notices its end.
RELEASE_SECONDS = LEASE_SECONDS + 30


def has_shared_server() -> bool:
    """Return whether runs go to a Prefect server that several hosts may share.

    A server that a command started for itself is not shared.
    """
    url = PREFECT_API_URL.value()
    return url is not None and url != read_own_prefect_url()


def create_limit(name: str) -> None:
    """Create a global concurrency limit of one slot, unless there is one of this name."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another worker has just created it
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))


def delete_limit(name: str) -> None:
    """Delete a global concurrency limit, unless there is none of this name."""
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_global_concurrency_limit_by_name(name)


def has_free_slot(name: str) -> bool:
    """Return whether a slot of a limit is free. A limit that does not exist counts as free."""
    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            return True
    return limit.active_slots < limit.limit
