"""A Prefect server that a command started, tied to it: killed together with it, however it is killed."""

from __future__ import annotations

import atexit
import os
import subprocess
from typing import Any

from prefect.server.api.server import SubprocessASGIServer

# Ends when its standard input does, which the kernel closes with the last process that holds the other end.
_WATCHER = "read _; kill -9 {pid} 2>/dev/null"


def tie_temporary_server() -> None:
    """From now on, a temporary Prefect server started by this process never outlives it.

    Prefect ends its server at exit; a killed process does not get there.
    """
    run_server = SubprocessASGIServer._run_uvicorn_command

    def run_tied_server(self: SubprocessASGIServer) -> subprocess.Popen[Any]:
        server = run_server(self)
        tie_to_this_process(server.pid)
        return server

    SubprocessASGIServer._run_uvicorn_command = run_tied_server  # type: ignore[method-assign]


def tie_to_this_process(pid: int) -> None:
    """Start a shell that kills the process ``pid`` when this process is gone."""
    readable, writable = os.pipe()  # not inherited: this process alone holds the writable end
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _WATCHER.format(pid=pid)],
        stdin=readable,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(readable)
    atexit.register(_dismiss, watcher, writable)


def _dismiss(watcher: subprocess.Popen[bytes], writable: int) -> None:
    watcher.kill()
    watcher.wait()
    os.close(writable)
