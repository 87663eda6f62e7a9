"""Device slots: they let only one checkpoint at a time run on a GPU, or on the CPU of a host.

If several hosts share a Prefect server, the slots of a device are a global concurrency limit there, which a person may
raise. Otherwise a slot is a lock file below the data directory.
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
    """Wait until each of these devices of this host has a free slot, and hold the slots while the block lasts."""
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
        for name in names:  # every process locks in this order, so that no two wait for each other
            stack.enter_context(FileLock(directory / f"{name}.lock", mode=LOCK_MODE))
        yield


def name_device_slot(host: str, device: str) -> str:
    """Return the name of the slots of a device. ``device`` is a name that ``list_devices`` returned."""
    return f"trailhouse-device-{host}-{device}"
