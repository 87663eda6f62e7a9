"""One Superset: its environment, its directory with secrets and state, and the variables its processes get."""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from trailhouse.errors import UsageError

CONFIGURATION_FILE = Path(__file__).with_name("superset_config.py")
LOCK_FILE = Path(__file__).with_name("requirements.lock")
ADMIN_USER = "admin"


@dataclass(frozen=True)
class SupersetInstallation:
    """Where Superset is installed, where it keeps its state, and how it finds the warehouse.

    ``inherited_variables`` is the environment its processes start from; ``warehouse_variables`` are those that
    ``superset_config.py`` reads about the warehouse, and may hold a password.
    """

    environment: Path
    directory: Path
    warehouse_variables: Mapping[str, str] = field(repr=False)
    inherited_variables: Mapping[str, str] = field(repr=False)

    @property
    def secret_key_file(self) -> Path:
        """Signs sessions and tokens."""
        return self.directory / "secret.key"

    @property
    def admin_password_file(self) -> Path:
        """The password of the user ``admin``."""
        return self.directory / "admin.password"

    @property
    def log_file(self) -> Path:
        """What Superset said since it was started last."""
        return self.directory / "server.log"

    def find_program(self, name: str) -> Path:
        """A program of Superset's environment.

        Raises UsageError where the environment is not there.
        """
        program = self.environment / "bin" / name
        if not program.exists():
            raise UsageError(
                f"Superset's environment {self.environment} is not installed: it has no {name}",
                f"run `make dashboards`, or: python3.11 -m venv {self.environment} &&"
                f" {self.environment}/bin/pip install --requirement {LOCK_FILE}",
            )
        return program

    def child_environment(self) -> dict[str, str]:
        """The environment of a process of this Superset."""
        return {
            **self.inherited_variables,
            "SUPERSET_CONFIG_PATH": str(CONFIGURATION_FILE),
            "TRAILHOUSE_SUPERSET_DIRECTORY": str(self.directory),
            **self.warehouse_variables,
        }


def ensure_secrets(installation: SupersetInstallation) -> None:
    """Generate what is missing: the key and the administrator's password, in files that only the owner reads."""
    installation.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, byte_count in ((installation.secret_key_file, 48), (installation.admin_password_file, 18)):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            read_secret(path)
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(byte_count) + "\n")


def read_secret(path: Path) -> str:
    """A secret from its file.

    Raises UsageError where the file is missing, empty or readable by other users.
    """
    try:
        mode = path.stat().st_mode
        secret = path.read_text().strip()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "run `trailhouse dashboards start`") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path} is open to other users", f"chmod 600 {path}")
    if not secret:
        raise UsageError(f"{path} is empty", f"delete {path}, or write a password into it")
    return secret


def describe_embedded_warehouse(directory: Path, database: str) -> dict[str, str]:
    """How Superset reaches the embedded warehouse of a data directory, and wakes it where it sleeps."""
    code = (
        "import sys; from pathlib import Path; from trailhouse.server.process import ensure_running;"
        " ensure_running(Path(sys.argv[1]))"
    )
    package_root = Path(str(resources.files("trailhouse"))).parent
    command = ["env", f"PYTHONPATH={package_root}", sys.executable, "-c", code, str(directory)]
    return {
        "TRAILHOUSE_DATABASE": database,
        "TRAILHOUSE_WAREHOUSE_DIRECTORY": str(directory),
        "TRAILHOUSE_START_COMMAND": json.dumps(command),
    }


def describe_warehouse_server(url: str, database: str, user: str, password: str) -> dict[str, str]:
    """How Superset reaches a ClickHouse server as its read-only user."""
    return {
        "TRAILHOUSE_DATABASE": database,
        "TRAILHOUSE_WAREHOUSE_URL": url,
        "TRAILHOUSE_READER_USER": user,
        "TRAILHOUSE_READER_PASSWORD": password,
    }
