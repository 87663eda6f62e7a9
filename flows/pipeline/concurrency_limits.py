"""This module creates, reads and deletes global concurrency limits of a Prefect server that several hosts share.

A worker leases a slot of a limit and renews the lease. A crashed worker no longer renews its leases, so its slots
become free when the leases end.
"""

from __future__ import annotations

from contextlib import suppress

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL

from trailhouse.flows.settings import read_own_prefect_url

# Prefect renews a lease after three quarters of this time. The last quarter is a reserve for a busy host or server.
LEASE_SECONDS = 120.0
# Longest time until the slots of a crashed worker are free. The server notices the end of a lease within 30 s.
RELEASE_SECONDS = LEASE_SECONDS + 30


def has_shared_server() -> bool:
    """Return whether this process reports its runs to a Prefect server that several hosts may share.

    A server that a command started for itself is not shared.
    """
    url = PREFECT_API_URL.value()
    return url is not None and url != read_own_prefect_url()


def create_limit(name: str) -> None:
    """Create a global concurrency limit of one slot, unless a limit called ``name`` exists."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another worker has just created it
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))


def delete_limit(name: str) -> None:
    """Delete the global concurrency limit called ``name`` if it exists."""
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_global_concurrency_limit_by_name(name)


def has_free_slot(name: str) -> bool:
    """Return whether the limit called ``name`` has a free slot. A limit that does not exist counts as free."""
    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            return True
    return limit.active_slots < limit.limit
