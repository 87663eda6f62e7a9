"""Starting, finding and stopping the Superset of a data directory: gunicorn on the loopback interface."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from trailhouse.dashboards.superset.installation import (
    ADMIN_USER,
    CONFIGURATION_FILE,
    LOCK_FILE,
    SupersetInstallation,
    ensure_secrets,
    read_secret,
)
from trailhouse.errors import UnreachableError, UsageError

HOST = "127.0.0.1"
THREAD_COUNT = 8
_PREPARE_SECONDS = 600.0
_START_SECONDS = 180.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.2
_REQUEST_SECONDS = 130


def ensure_superset(installation: SupersetInstallation, port: int) -> str:
    """URL of the running Superset; it is prepared and started where it does not run. Port 0 takes a free one.

    Two callers at once get the same server. Raises UsageError where the environment is missing or the port is
    taken, UnreachableError where Superset does not come up.
    """
    if (url := find_superset(installation)) is not None:
        return url
    gunicorn = installation.find_program("gunicorn")
    ensure_secrets(installation)
    with _starting(installation.directory):
        if (url := find_superset(installation)) is not None:
            return url
        prepare_superset(installation)
        return _start(installation, gunicorn, port)


def find_superset(installation: SupersetInstallation) -> str | None:
    """URL of the Superset of this directory if it runs and answers, else None."""
    record = _read_record(installation)
    if record is None or not _is_alive(record[0]) or not _is_healthy(record[1]):
        return None
    return record[1]


def stop_superset(installation: SupersetInstallation) -> bool:
    """End Superset with SIGTERM and wait for it; False where none ran.

    Raises UnreachableError where it is still there after 30 s.
    """
    record = _read_record(installation)
    if record is None or not _is_alive(record[0]):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(record[0], signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_alive(record[0]):
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"Superset (process {record[0]}) did not end within {_STOP_SECONDS:.0f} s",
                f"end it with kill -9 {record[0]}",
            )
        time.sleep(_POLL_SECONDS)
    _record_file(installation).unlink(missing_ok=True)
    return True


def prepare_superset(installation: SupersetInstallation) -> None:
    """Bring the metadata database up to date; skipped where this version, lock and configuration did it already.

    Raises UnreachableError with Superset's own last line where that fails.
    """
    mark = installation.directory / "prepared"
    state = hashlib.sha256(
        LOCK_FILE.read_bytes()
        + CONFIGURATION_FILE.read_bytes()
        + Path(__file__).with_name("prepare_metadata.py").read_bytes()
        + installation.admin_password_file.read_bytes()
    ).hexdigest()
    if mark.exists() and mark.read_text() == state:
        return
    python = installation.find_program("python")
    log = installation.directory / "prepare.log"
    with log.open("wb") as output:
        log.chmod(0o600)
        result = subprocess.run(
            [python, Path(__file__).with_name("prepare_metadata.py"), ADMIN_USER],
            input=read_secret(installation.admin_password_file).encode() + b"\n",
            env=installation.child_environment(),
            cwd=installation.directory,
            stdout=output,
            stderr=output,
            timeout=_PREPARE_SECONDS,
            check=False,
        )
    if result.returncode != 0:
        raise UnreachableError(f"Superset's metadata could not be prepared: {_last_line(log)}", f"see {log}")
    mark.write_text(state)


def _start(installation: SupersetInstallation, gunicorn: Path, port: int) -> str:
    port = port or _find_free_port()
    _refuse_taken_port(port)
    command = [str(gunicorn), "--workers", "1", "--worker-class", "gthread", "--threads", str(THREAD_COUNT)]
    command += ["--timeout", str(_REQUEST_SECONDS), "--bind", f"{HOST}:{port}", "--no-control-socket"]
    descriptor = os.open(installation.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        server = subprocess.Popen(
            [*command, "superset.app:create_app()"],
            env=installation.child_environment(),
            cwd=installation.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://{HOST}:{port}"
    _record_file(installation).write_text(json.dumps({"pid": server.pid, "url": url}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        if _is_healthy(url):
            server.returncode = 0  # it lives on without us: no warning that it still runs
            return url
        time.sleep(_POLL_SECONDS)
    server.kill()
    server.wait()
    log = installation.log_file
    raise UnreachableError(f"Superset did not come up at {url}: {_last_line(log)}", f"see {log}")


@contextlib.contextmanager
def _starting(directory: Path) -> Iterator[None]:
    """One starter at a time; the others wait and then find its server."""
    descriptor = os.open(directory / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _record_file(installation: SupersetInstallation) -> Path:
    return installation.directory / "server.json"


def _read_record(installation: SupersetInstallation) -> tuple[int, str] | None:
    try:
        record = json.loads(_record_file(installation).read_text())
        return int(record["pid"]), str(record["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that ended is not alive
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10) as response:  # noqa: S310  # our own http URL
            return bool(response.read() == b"OK")
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"port {port} of {HOST} is taken: {error.strerror}",
                "choose another with `trailhouse dashboards start --port N` or TRAILHOUSE_SUPERSET_PORT",
            ) from error


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
