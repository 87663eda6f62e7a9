"""This module finds problems of an installation: in the warehouse, the data directory, the packages or Superset."""

from __future__ import annotations

import importlib.metadata
import shutil
import urllib.request
from pathlib import Path

from packaging.requirements import Requirement

from trailhouse.errors import TrailhouseError
from trailhouse.flows.services.warehouse import locate_warehouse, restrict_to_reading
from trailhouse.flows.settings import Settings
from trailhouse.server.access.credentials import read_credentials
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.health import LITTLE_SPACE_FRACTION, HealthFinding, examine_warehouse
from trailhouse.warehouse.upkeep.server_comparison import Difference, choose_formats, compare_answers, generate_queries

_TIMEOUT_SECONDS = 10


def examine(settings: Settings) -> list[HealthFinding]:
    """Run every check of the installation and return the findings.

    The findings about the warehouse come last. If the warehouse does not answer, a single finding reports this problem.
    """
    findings = [check_packages(), check_directory(settings.data_directory), check_superset(settings)]
    try:
        if settings.warehouse_url is None:
            findings.append(check_passwords(settings.warehouse_directory))
        with connect(restrict_to_reading(settings, locate_warehouse(settings))) as client:
            findings += examine_warehouse(client, read_migrations(packaged_migrations()))
    except TrailhouseError as error:
        findings.append(HealthFinding("warehouse", "problem", error.message, error.hint))
    return findings


def check_packages() -> HealthFinding:
    """Check whether the installed packages have the versions that Trailhouse requires."""
    wrong = []
    for text in importlib.metadata.requires("trailhouse") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    if wrong:
        return HealthFinding("packages", "problem", "; ".join(wrong), "run `make environment`")
    return HealthFinding("packages", "ok", "as pinned")


def check_directory(directory: Path) -> HealthFinding:
    """Check that the disk of the data directory has free space. This directory holds checkpoints and dbt's files."""
    existing = directory if directory.exists() else Path.cwd()
    usage = shutil.disk_usage(existing)
    found = f"{usage.free / 1e9:.1f} GB free at {existing}"
    if usage.free < LITTLE_SPACE_FRACTION * usage.total:
        return HealthFinding("data directory", "warning", found, "free some space, or set TRAILHOUSE_DATA_DIRECTORY")
    return HealthFinding("data directory", "ok", found)


def check_passwords(directory: Path) -> HealthFinding:
    """Check that the password files of the embedded server are readable by their owner only."""
    try:
        read_credentials(directory)
    except TrailhouseError as error:
        return HealthFinding("passwords", "problem", error.message, error.hint)
    return HealthFinding("passwords", "ok", "readable by their owner only")


def check_superset(settings: Settings) -> HealthFinding:
    """Check whether the configured Superset answers."""
    url = settings.superset_url
    if url is None:
        return HealthFinding("superset", "ok", "none configured")
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError("no http(s) URL")
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            answer.read()
    except (OSError, ValueError) as error:
        return HealthFinding("superset", "problem", f"{url} does not answer: {error}", "start it, or mend superset_url")
    return HealthFinding("superset", "ok", f"{url} answers")


def compare_servers(settings: Settings, url: str, query_limit: int | None = None) -> tuple[int, list[Difference]]:
    """Send generated test queries both to the warehouse and to the server at ``url``, and compare the answers.

    If ``query_limit`` is given, only the first ``query_limit`` generated queries are sent. Returns the number of
    compared answers, and the differences. Raises UsageError for a malformed URL, and
    UnreachableError if a server does not answer.
    """
    other = WarehouseAddress.parse(
        url,
        settings.database,
        user=settings.warehouse_user,
        password=settings.warehouse_password.get_secret_value(),
    )
    asked = choose_formats(generate_queries()[:query_limit])
    differences = []
    with (
        connect(restrict_to_reading(settings, locate_warehouse(settings)), needs_database=False) as client,
        connect(other, needs_database=False) as other_client,
    ):
        for index, difference in enumerate(compare_answers(client, other_client, asked)):
            report_progress("Comparing", index + 1, len(asked))
            if difference is not None:
                differences.append(difference)
    return len(asked), differences
