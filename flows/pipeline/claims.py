"""Claims let only one worker at a time do a piece of work, such as scoring one checkpoint on one corpus.

If several hosts share a Prefect server, a claim is the only slot of a global concurrency limit on that server.
Otherwise a claim is a file lock in the data directory. The kernel frees the lock when the process ends.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from filelock import FileLock, Timeout
from prefect.concurrency.sync import concurrency

from trailhouse.flows.pipeline.concurrency_limits import (
    LEASE_SECONDS,
    create_limit,
    delete_limit,
    has_free_slot,
    has_shared_server,
)
from trailhouse.warehouse.loading.partition_load import Partition

POLL_SECONDS = 1.0
LOCKED = 423
LOCK_MODE = 0o600


class Claim:
    """The right to do a piece of work while no other worker does it. ``is_ours`` is False if another worker has it."""

    def __init__(self, *, is_ours: bool) -> None:
        self.is_ours = is_ours
        self.is_finished = False

    def finish(self) -> None:
        """Mark the work as done, so that the lock file or limit of the claim is deleted when the claim ends."""
        self.is_finished = True


def name_claim(partition: Partition) -> str:
    """Return the name of the claim on a partition of a raw table."""
    identity = f"{partition.table} {partition.expression}"
    return f"trailhouse-partition-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


@contextmanager
def claim_work(name: str, data_directory: Path) -> Iterator[Claim]:
    """Try to claim the work called ``name``, and yield the claim. A granted claim lasts until the block ends.

    The function does not wait. If the claim is granted, the caller must read the ledger again, because the previous
    holder of the claim may have done the work.
    """
    path = find_lock_file(name, data_directory)
    with claim_on_server(name) if has_shared_server() else claim_on_disk(path) as claim:
        yield claim


def wait_for_free(names: Sequence[str], data_directory: Path) -> list[str]:
    """Wait until at least one of the named claims is free, and return the names of the free claims.

    A claim becomes free when its work is done or its worker has died.
    """
    while not (free := [name for name in names if not is_claimed(name, data_directory)]):
        time.sleep(POLL_SECONDS)
    return free


def is_claimed(name: str, data_directory: Path) -> bool:
    """Return whether a worker holds the claim called ``name`` at this moment."""
    if has_shared_server():
        return not has_free_slot(name)
    path = find_lock_file(name, data_directory)
    if not path.exists():
        return False
    with claim_on_disk(path) as claim:
        return not claim.is_ours


def find_lock_file(name: str, data_directory: Path) -> Path:
    """Return the path of a claim's lock file."""
    return data_directory / "claims" / f"{name}.lock"


@contextmanager
def claim_on_disk(path: Path) -> Iterator[Claim]:
    """Try to claim work by locking a file. The file is deleted when the work is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(path, mode=LOCK_MODE).acquire(blocking=False))
        except Timeout:
            claim = Claim(is_ours=False)
        else:
            claim = Claim(is_ours=True)
        yield claim
        if claim.is_finished:
            path.unlink(missing_ok=True)


@contextmanager
def claim_on_server(name: str) -> Iterator[Claim]:
    """Try to claim work by taking the only slot of a concurrency limit. The limit is deleted when the work is done."""
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
    if claim.is_finished:
        delete_limit(name)


def is_locked(error: Exception) -> bool:
    """Return whether an error of Prefect means that another worker holds the only slot of a concurrency limit."""
    cause = error.__cause__
    return isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code == LOCKED
