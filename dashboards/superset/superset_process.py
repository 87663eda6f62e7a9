"""Start, find and stop the local Superset of a data directory. gunicorn serves it on the loopback interface."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from filelock import FileLock

from trailhouse.dashboards.superset.installation import (
    ADMIN_USER,
    CONFIGURATION_FILE,
    LOCK_FILE,
    SupersetInstallation,
    ensure_secrets,
)
from trailhouse.errors import UnreachableError, UsageError
from trailhouse.support.files import write_whole
from trailhouse.support.processes import (
    LOOPBACK,
    ServiceRecord,
    end_service,
    find_free_port,
    read_last_line,
    read_record,
    start_service,
    wait_until_ready,
    write_record,
)
from trailhouse.support.secrets import OWNER_ONLY

THREAD_COUNT = 8
_PREPARE_PROGRAM = Path(__file__).with_name("prepare_metadata.py")
_PREPARE_SECONDS = 600.0
_START_SECONDS = 180.0
_STOP_SECONDS = 30.0
_REQUEST_SECONDS = 130
_HEALTH_SECONDS = 10.0


def ensure_superset(installation: SupersetInstallation, port: int) -> str:
    """Return the URL of Superset. If Superset does not run, its metadata is prepared and it is started.

    If ``port`` is 0, a free port is chosen. Two simultaneous calls return the URL of the same server. Raises UsageError
    if Superset's Python environment is missing or the port is taken. Raises UnreachableError if Superset does not
    start.
    """
    if (url := find_superset(installation)) is not None:
        return url
    gunicorn = installation.find_program("gunicorn")
    installation.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(installation.directory / "start.lock", mode=OWNER_ONLY):
        if (url := find_superset(installation)) is not None:
            return url
        ensure_secrets(installation)
        prepare_superset(installation)
        return _start(installation, gunicorn, port)


def find_superset(installation: SupersetInstallation) -> str | None:
    """Return the URL of the Superset of ``installation`` if it runs and answers, else None."""
    record = read_record(_record_file(installation))
    return record.url if record is not None and _is_healthy(record.url) else None


def stop_superset(installation: SupersetInstallation) -> bool:
    """End Superset and wait until its process has ended. Returns False if Superset did not run.

    Raises UnreachableError if the process still runs after 30 s.
    """
    record = read_record(_record_file(installation))
    if record is None:
        return False
    end_service(record.pid, name="Superset", seconds=_STOP_SECONDS)
    _record_file(installation).unlink(missing_ok=True)
    return True


def prepare_superset(installation: SupersetInstallation) -> None:
    """Update Superset's metadata database if one of four files has changed since the last successful update.

    These files are the list of package versions, Superset's configuration, the program that makes the update, and the
    password of the administrator. Raises UnreachableError with the last line of the update's log if the update fails.
    """
    mark = installation.directory / "prepared"
    inputs = (LOCK_FILE, CONFIGURATION_FILE, _PREPARE_PROGRAM, installation.admin_password_file)
    state = hashlib.sha256(b"".join(file.read_bytes() for file in inputs)).hexdigest()
    if mark.exists() and mark.read_text() == state:
        return
    log = installation.directory / "prepare.log"
    with log.open("wb") as output:
        log.chmod(OWNER_ONLY)
        result = subprocess.run(
            [installation.find_program("python"), _PREPARE_PROGRAM, ADMIN_USER],
            input=installation.read_admin_password().encode() + b"\n",
            env=installation.child_environment(),
            cwd=installation.directory,
            stdout=output,
            stderr=output,
            timeout=_PREPARE_SECONDS,
            check=False,
        )
    if result.returncode != 0:
        raise UnreachableError(f"Superset's metadata could not be prepared: {read_last_line(log)}", f"see {log}")
    write_whole(mark, state)


def _start(installation: SupersetInstallation, gunicorn: Path, port: int) -> str:
    port = port or find_free_port()
    _refuse_taken_port(port)
    command: list[str | Path] = [
        gunicorn,
        "--workers",
        "1",
        "--worker-class",
        "gthread",
        "--threads",
        str(THREAD_COUNT),
    ]
    command += ["--timeout", str(_REQUEST_SECONDS), "--bind", f"{LOOPBACK}:{port}", "--no-control-socket"]
    server = start_service(
        [*command, "superset.app:create_app()"],
        installation.log_file,
        environment=installation.child_environment(),
        directory=installation.directory,
    )
    url = f"http://{LOOPBACK}:{port}"
    write_record(_record_file(installation), ServiceRecord(server.pid, url))
    wait_until_ready(
        server,
        lambda: _is_healthy(url),
        name=f"Superset at {url}",
        seconds=_START_SECONDS,
        log=installation.log_file,
    )
    return url


def _record_file(installation: SupersetInstallation) -> Path:
    return installation.directory / "server.json"


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=_HEALTH_SECONDS) as response:  # noqa: S310  # our own URL
            return bool(response.read() == b"OK")
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _refuse_taken_port(port: int) -> None:
    """Raise UsageError if another process listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise UsageError(
                f"port {port} of {LOOPBACK} is taken: {error.strerror}",
                "choose another with `trailhouse dashboards start --port N` or TRAILHOUSE_SUPERSET_PORT",
            ) from error
