"""Run dbt over the database of a benchmark."""

from __future__ import annotations

import os
from pathlib import Path

from trailhouse.server.process import Endpoint

PROJECT = Path(__file__).parents[1] / "dbt"


def run_dbt(endpoint: Endpoint, state: Path, *arguments: str) -> None:
    """Run dbt over the database of the benchmark; raises RuntimeError when it fails."""
    from dbt.cli.main import dbtRunner

    host, port = endpoint.url.removeprefix("http://").split(":")
    os.environ.update(
        TRAILHOUSE_DBT_HOST=host,
        TRAILHOUSE_DBT_PORT=port,
        TRAILHOUSE_DBT_USER=endpoint.user,
        TRAILHOUSE_DBT_PASSWORD=endpoint.password,
        TRAILHOUSE_DBT_DATABASE="bench",
    )
    places = [f"--project-dir={PROJECT}", f"--profiles-dir={PROJECT}", f"--target-path={state}", f"--log-path={state}"]
    if not (run := dbtRunner().invoke([*arguments, *places, "--log-level=none"])).success:
        failed = [node.message for node in getattr(run.result, "results", ()) if str(node.status) == "error"]
        raise RuntimeError(f"dbt {' '.join(arguments)}: {run.exception or failed}")
