"""Who may work on what: one worker per checkpoint and corpus, one checkpoint at a time per device.

With a Prefect server (``PREFECT_API_URL``) the slots are global concurrency limits with leases, so that several
hosts share one sweep and a dead worker's slots come free after two minutes. Without one they are lock files below the
data directory: the kernel frees them with the process that held them.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL

from trailhouse.warehouse.loading.partition_load import Partition

# Renewed after three quarters of it: what is left is the time that a busy host and a busy server have for that
LEASE_SECONDS = 120.0
RELEASE_SECONDS = LEASE_SECONDS + 30  # with the time until the server looks for leases that ran out
CLAIM_LOOK_SECONDS = 1.0
LOCKED = 423


class Claim:
    """The right to do something alone; ``is_ours`` says whether it was granted."""

    def __init__(self, *, is_ours: bool) -> None:
        self.is_ours = is_ours
        self.is_done = False

    def finish(self) -> None:
        """The work is done for good: nobody will ever want this claim again."""
        self.is_done = True


@contextmanager
def claim_partition(partition: Partition, data_directory: Path) -> Iterator[Claim]:
    """Try to claim a partition for as long as the block lasts; never waits.

    Whoever gets a claim must look at the ledger again: the one before may have scored the partition meanwhile.
    """
    with claim_work(name_claim(partition), data_directory) as claim:
        yield claim


def name_claim(partition: Partition) -> str:
    """What the claim on a partition is called."""
    return f"trailhouse-partition-{hashlib.sha256(partition.expression.encode()).hexdigest()[:16]}"


def wait_for_free(partitions: Sequence[Partition], data_directory: Path) -> list[Partition]:
    """Wait until others hold no claim on at least one of the partitions any more; returns those that are free.

    A claim ends with the work, or with the worker: its lock goes with the process, its lease runs out.
    """
    while not (free := [one for one in partitions if not is_claimed(name_claim(one), data_directory)]):
        time.sleep(CLAIM_LOOK_SECONDS)
    return free


def is_claimed(name: str, data_directory: Path) -> bool:
    """Return whether somebody holds the claim of this name at this moment."""
    if not has_server():
        path = data_directory / "claims" / f"{name}.lock"
        if not path.exists():
            return False
        with claim_on_disk(path) as claim:
            return not claim.is_ours
    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            return False
    return limit.active_slots >= limit.limit


@contextmanager
def claim_work(name: str, data_directory: Path) -> Iterator[Claim]:
    """Try to be the only one who does the work of this name; never waits."""
    claim_one = claim_on_server(name) if has_server() else claim_on_disk(data_directory / "claims" / f"{name}.lock")
    with claim_one as claim:
        yield claim


@contextmanager
def hold_devices(devices: Sequence[str]) -> Iterator[None]:
    """Wait until these devices of this host are free for scoring, and keep them.

    A limit is created with one slot; who wants more of them on one device raises it on the Prefect server.
    """
    if not has_server():
        yield
        return
    names = [name_device_slot(platform.node(), device) for device in devices]
    for name in names:
        create_limit(name)
    with concurrency(names, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False):
        yield


def name_device_slot(host: str, device: str) -> str:
    """What the global concurrency limit of a device is called."""
    return f"trailhouse-device-{host}-{device}"


def has_server() -> bool:
    """Return whether runs go to a Prefect server that others may share."""
    return PREFECT_API_URL.value() is not None


@contextmanager
def claim_on_disk(path: Path) -> Iterator[Claim]:
    """Claim by a lock on a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield Claim(is_ours=False)
            return
        claim = Claim(is_ours=True)
        yield claim
        if claim.is_done:
            path.unlink(missing_ok=True)


@contextmanager
def claim_on_server(name: str) -> Iterator[Claim]:
    """Claim by the only slot of a global concurrency limit, which goes when the claim is done."""
    create_limit(name)
    with ExitStack() as stack:
        try:
            stack.enter_context(
                concurrency(
                    name,
                    max_retries=0,
                    lease_duration=LEASE_SECONDS,
                    strict=True,
                    raise_on_lease_renewal_failure=False,
                )
            )
        except Exception as error:
            if not is_locked(error):
                raise
            claim = Claim(is_ours=False)
        else:
            claim = Claim(is_ours=True)
        yield claim
    if claim.is_done:
        with get_client(sync_client=True) as client, suppress(ObjectNotFound):
            client.delete_global_concurrency_limit_by_name(name)


def create_limit(name: str) -> None:
    """Create a global concurrency limit of one slot, unless there is one of this name."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another worker was faster
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))


def is_locked(error: Exception) -> bool:
    """Return whether an error of Prefect says that somebody else holds the slot."""
    cause = error.__cause__
    return isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code == LOCKED
