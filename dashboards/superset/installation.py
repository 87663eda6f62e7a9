"""Describe a local Superset: its Python environment, directory, secrets, and environment variables."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from trailhouse.errors import UsageError
from trailhouse.support.secrets import ensure_secret, read_secret

CONFIGURATION_FILE = Path(__file__).with_name("superset_config.py")
LOCK_FILE = Path(__file__).with_name("requirements.lock")
ADMIN_USER = "admin"
START_HINT = "run `trailhouse dashboards start`"


@dataclass(frozen=True)
class SupersetInstallation:
    """A local Superset.

    Superset's processes get ``inherited_variables`` from the environment of this process. The environment variables in
    ``warehouse_variables`` tell ``superset_config.py`` where the warehouse is, and may hold a password.
    """

    environment: Path
    """The virtual environment in which Superset is installed."""
    directory: Path
    """The directory of Superset's secrets, metadata, caches and logs."""
    warehouse_variables: Mapping[str, str] = field(repr=False)
    inherited_variables: Mapping[str, str] = field(repr=False)

    @property
    def secret_key_file(self) -> Path:
        """The file with the key that signs sessions and tokens."""
        return self.directory / "secret.key"

    @property
    def admin_password_file(self) -> Path:
        """The file with the password of the user ``admin``."""
        return self.directory / "admin.password"

    @property
    def log_file(self) -> Path:
        """The file with the log of the server since its last start."""
        return self.directory / "server.log"

    def find_program(self, name: str) -> Path:
        """Return the path of a program in Superset's environment.

        Raises UsageError if the environment is not installed.
        """
        program = self.environment / "bin" / name
        if not program.exists():
            raise UsageError(
                f"Superset's environment {self.environment} is not installed: it has no {name}",
                f"run `make dashboards`, or: python3.11 -m venv {self.environment} &&"
                f" {self.environment}/bin/pip install --requirement {LOCK_FILE}",
            )
        return program

    def read_admin_password(self) -> str:
        """Return the password of the user ``admin``.

        Raises UsageError if the file of the password is missing, empty or readable by other users.
        """
        return read_secret(self.admin_password_file, START_HINT)

    def child_environment(self) -> dict[str, str]:
        """Return the environment variables for the processes of this Superset."""
        return {
            **self.inherited_variables,
            "SUPERSET_CONFIG_PATH": str(CONFIGURATION_FILE),
            "TRAILHOUSE_SUPERSET_DIRECTORY": str(self.directory),
            **self.warehouse_variables,
        }


def ensure_secrets(installation: SupersetInstallation) -> None:
    """Generate the secret key and the administrator's password if they are missing.

    The secret key and the password are written to files that only the owner can read.

    Raises UsageError if an existing file is empty or readable by other users.
    """
    for path, byte_count in ((installation.secret_key_file, 48), (installation.admin_password_file, 18)):
        ensure_secret(path, byte_count)
        read_secret(path, START_HINT)


def describe_embedded_warehouse(directory: Path, database: str, published_tables: Sequence[str]) -> dict[str, str]:
    """Return the environment variables that tell Superset how to reach and start the embedded warehouse.

    The warehouse is started so that its user for dashboards may read ``published_tables``.
    """
    code = (
        "import sys; from pathlib import Path; from trailhouse.server.process import ensure_running;"
        " ensure_running(Path(sys.argv[1]), published_tables=sys.argv[2:])"
    )
    package_root = Path(str(resources.files("trailhouse"))).parent
    command = ["env", f"PYTHONPATH={package_root}", sys.executable, "-c", code, str(directory), *published_tables]
    return {
        "TRAILHOUSE_DATABASE": database,
        "TRAILHOUSE_WAREHOUSE_DIRECTORY": str(directory),
        "TRAILHOUSE_START_COMMAND": json.dumps(command),
    }


def describe_warehouse_server(
    url: str, database: str, reader: tuple[str, str], dashboards: tuple[str, str]
) -> dict[str, str]:
    """Return the environment variables that tell Superset how to reach a ClickHouse server.

    ``reader`` and ``dashboards`` are the name and the password of the user who may read everything, and of the user
    who may read the marts.
    """
    return {
        "TRAILHOUSE_DATABASE": database,
        "TRAILHOUSE_WAREHOUSE_URL": url,
        "TRAILHOUSE_READER_USER": reader[0],
        "TRAILHOUSE_READER_PASSWORD": reader[1],
        "TRAILHOUSE_DASHBOARDS_USER": dashboards[0],
        "TRAILHOUSE_DASHBOARDS_PASSWORD": dashboards[1],
    }
