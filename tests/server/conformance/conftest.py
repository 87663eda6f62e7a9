"""The fixtures of dbt's own test suite for adapters, over the session's embedded server."""

from __future__ import annotations

import warnings

import httpx
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # warnings of dbt's dependencies
    from dbt.adapters.factory import reset_adapters
    from dbt.tests.fixtures.project import *  # noqa: F403  the fixtures of the test classes, for this directory alone


@pytest.fixture(scope="session", autouse=True)
def _no_adapter_of_other_tests():
    """Drop the adapter that dbt kept from earlier tests of this process, because it names their database."""
    reset_adapters()


@pytest.fixture(scope="class")
def dbt_profile_target(server) -> dict[str, object]:
    """Return the profile with which dbt connects to the server."""
    address = httpx.URL(server.url)
    user, password = server.admin
    return {
        "type": "clickhouse",
        "driver": "http",
        "host": address.host,
        "port": address.port,
        "user": user,
        "password": password,
        "threads": 2,
    }
