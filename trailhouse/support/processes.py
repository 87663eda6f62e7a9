"""This module starts, records, finds and ends services. A service may run on after the command that started it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import UnreachableError
from trailhouse.support.files import write_whole
from trailhouse.support.secrets import OWNER_ONLY

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class ServiceRecord:
    """The process id of a running service, and the URL at which it answers."""

    pid: int
    url: str


def write_record(path: Path, record: ServiceRecord) -> None:
    """Write the record of a running service to a file, so that other processes find the service.

    The record also identifies its directory, so that a copy of the directory does not lead to the service.
    """
    content = {"pid": record.pid, "url": record.url, "directory": identify_directory(path.parent)}
    write_whole(path, json.dumps(content), mode=OWNER_ONLY)


def read_record(path: Path) -> ServiceRecord | None:
    """Return the record of a running service, or None.

    The record is None if there is no file, if the process of the service has ended, or if the directory was copied from
    that of the service.
    """
    record = read_last_record(path)
    return record if record is not None and is_alive(record.pid) else None


def read_last_record(path: Path) -> ServiceRecord | None:
    """Return the record of a service that runs or was killed, or None; see ``read_record``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = ServiceRecord(int(content["pid"]), str(content["url"]))
        here = identify_directory(path.parent)
        is_copy = content.get("directory", here) != here
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if is_copy else record


def identify_directory(directory: Path) -> str:
    """Return the device and the inode of a directory, which stay the same when the directory is renamed."""
    status = directory.stat()
    return f"{status.st_dev}:{status.st_ino}"


def start_service(
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in its own session, so that Ctrl-C in this terminal does not end the process.

    The output of the process goes to the file ``log``, which only its owner can read.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait_until_ready(
    process: subprocess.Popen[bytes], is_ready: Callable[[], bool], *, name: str, seconds: float, log: Path
) -> None:
    """Wait until a service that was just started answers. The service may outlive the current process.

    Raises UnreachableError with the last line of ``log`` if the service ends before it answers. If the service does not
    answer within ``seconds``, the service is killed and UnreachableError is raised too.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UnreachableError(f"{name} did not start: {read_last_line(log)}", f"see {log}")
        if is_ready():
            process.returncode = 0  # prevents Python's warning that the process still runs
            return
        time.sleep(_POLL_SECONDS)
    process.kill()
    process.wait()
    raise UnreachableError(f"{name} did not answer within {seconds:.0f} s: {read_last_line(log)}", f"see {log}")


def end_service(pid: int, *, name: str, seconds: float) -> None:
    """Send SIGTERM to a process and wait until the process has ended.

    Raises UnreachableError if the process still runs after ``seconds``.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"{name} (process {pid}) did not end within {seconds:.0f} s", f"end it with kill -9 {pid}"
            )
        time.sleep(_POLL_SECONDS)


def is_alive(pid: int) -> bool:
    """Return whether a process is running. An ended child of the current process counts as not running."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process exists, but belongs to another user
        return True
    return True


def identify_process(pid: int) -> str:
    """Return the number of a process and the time at which it started; empty if no process has the number ``pid``.

    The time is needed, because the system gives the number to another process after this one ended. Without /proc, the
    time is left out.
    """
    if not is_alive(pid):
        return ""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:  # not Linux
        return f"{pid}:"
    has_ended = fields[0] == "Z"  # its parent has not taken notice yet
    return "" if has_ended else f"{pid}:{fields[19]}"


def end_with_process(identity: str) -> None:
    """Kill this process when the process of ``identify_process`` ends, however it ends. A thread watches it."""

    def watch() -> None:
        while identify_process(int(identity.partition(":")[0])) == identity:
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def find_free_port() -> int:
    """Return a port of the loopback interface on which no process listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free_port(port: int) -> bool:
    """Return whether a service could listen on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def read_last_line(log: Path) -> str:
    """Return the last line of a log file. If a service did not start, this line usually names the reason."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
