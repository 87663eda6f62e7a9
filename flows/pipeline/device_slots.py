"""Device slots let only one checkpoint at a time run on a GPU, or on the CPU of a host.

If several hosts share a Prefect server, a slot is a global concurrency limit on that server, one for each device. A
person may raise the limit, so that several checkpoints run on the device. Without a shared server, a slot is a lock
file in the data directory.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock
from prefect.concurrency.sync import concurrency

from trailhouse.flows.pipeline.claims import LOCK_MODE
from trailhouse.flows.pipeline.concurrency_limits import LEASE_SECONDS, create_limit, has_shared_server


@contextmanager
def hold_device_slots(devices: Sequence[str], data_directory: Path) -> Iterator[None]:
    """Wait until each of ``devices`` of this host has a free slot, and hold these slots until the block ends."""
    names = sorted(name_device_slot(platform.node(), device) for device in devices)
    if has_shared_server():
        for name in names:
            create_limit(name)
        with concurrency(names, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False):
            yield
        return
    directory = data_directory / "device-slots"
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name in names:  # sorted, because processes that lock in the same order cannot deadlock
            stack.enter_context(FileLock(directory / f"{name}.lock", mode=LOCK_MODE))
        yield


def name_device_slot(host: str, device: str) -> str:
    """Return the name of the slot of a device. ``device`` is a name that ``list_devices`` returned.

    The slot is a lock file or a concurrency limit of Prefect.
    """
    return f"trailhouse-device-{host}-{device}"
