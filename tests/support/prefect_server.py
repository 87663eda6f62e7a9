"""A real Prefect server on loopback, for tests of commands that use one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from trailhouse.support.processes import LOOPBACK, find_free_port, start_service, wait_until_ready

_START_SECONDS = 300
_STOP_SECONDS = 60


@contextlib.contextmanager
def serve_prefect(directory: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a Prefect server with its data in ``directory``; yield the address of its API."""
    port, log = find_free_port(), directory / "server.log"
    variables = {
        **environment,
        "PREFECT_HOME": str(directory / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    process = start_service(command, log, environment=variables)
    url = f"http://{LOOPBACK}:{port}/api"

    def is_healthy() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/health", timeout=5).status_code == 200
        return False

    try:
        wait_until_ready(process, is_healthy, name="the Prefect server", seconds=_START_SECONDS, log=log)
        yield url
    finally:
        end_process_group(process)


def end_process_group(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to a server and its children; kill what is left after a minute."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
