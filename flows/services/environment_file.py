"""This module writes the ``.env`` file of a deployment, with a generated value for every password."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import UsageError


@dataclass(frozen=True)
class Secret:
    """A variable of the ``.env`` file whose value is generated."""

    name: str
    purpose: str
    byte_count: int = 24


SECRETS = (
    Secret("TRAILHOUSE_WAREHOUSE_PASSWORD", "ClickHouse user admin: loads and derives"),
    Secret("TRAILHOUSE_READER_PASSWORD", "ClickHouse user reader: reads only"),
    Secret("TRAILHOUSE_DASHBOARDS_PASSWORD", "ClickHouse user dashboards: reads the marts only"),
    Secret("TRAILHOUSE_CLUSTER_SECRET", "shared by the nodes of a ClickHouse cluster"),
    Secret("POSTGRES_PASSWORD", "metadata of Prefect and Superset"),
    Secret("REDIS_PASSWORD", "cache and queue of Superset"),
    Secret("PREFECT_PASSWORD", "user admin of the Prefect server"),
    Secret("SUPERSET_SECRET_KEY", "signs Superset's sessions", byte_count=48),
    Secret("SUPERSET_ADMIN_PASSWORD", "user admin of Superset"),
)
HEADER = "# Passwords of this deployment, read by `docker compose`. Keep the file to yourself, and keep it.\n"


def write_environment_file(path: Path, *, replace: bool = False) -> list[str]:
    """Write the ``.env`` file, with a generated value for every password and secret that the compose files need.

    Only the owner of the file can read it. Returns the names of the variables. Raises UsageError if the file exists and
    ``replace`` is False, because new passwords would lock users out of existing data.
    """
    lines = [f"# {secret.purpose}\n{secret.name}={secrets.token_urlsafe(secret.byte_count)}\n" for secret in SECRETS]
    draft = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(HEADER + "".join(lines))
        if replace:
            os.replace(draft, path)
        else:
            os.link(draft, path)  # fails if the file exists, even if another process has just made it
    except FileExistsError as error:
        raise UsageError(
            f"{path} exists, and holds the passwords of a deployment",
            "keep it; or, for a deployment without data, run `trailhouse init-env --force`",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return [secret.name for secret in SECRETS]
