"""Fixtures: one embedded server for the whole test session, in its own process, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client

from trailhouse.server.access.credentials import read_credentials
from trailhouse.server.process import Endpoint, ensure_running, stop

PUBLISHED = ("published.fct_*", "published.dim_*")


@dataclass(frozen=True)
class Server:
    """The server of the test session, and how to connect to it."""

    directory: Path
    endpoint: Endpoint

    @property
    def url(self) -> str:
        return self.endpoint.url

    @property
    def admin(self) -> tuple[str, str]:
        return (self.endpoint.user, self.endpoint.password)

    @property
    def reader(self) -> tuple[str, str]:
        return ("reader", read_credentials(self.directory).reader_password)

    @property
    def dashboards(self) -> tuple[str, str]:
        return ("dashboards", read_credentials(self.directory).dashboards_password)

    def connect(self, **options) -> Client:
        return self.connect_as(self.admin, **options)

    def connect_as(self, user: tuple[str, str], **options) -> Client:
        """Return clickhouse-connect's client of a user, given by name and password."""
        address = httpx.URL(self.url)
        return clickhouse_connect.get_client(
            host=address.host, port=address.port, username=user[0], password=user[1], **options
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("embedded") / "warehouse"
    yield Server(directory, ensure_running(directory, idle_timeout_seconds=600, published_tables=PUBLISHED))
    stop(directory)


@pytest.fixture(scope="session")
def http(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=server.admin, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def reader_http(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=server.reader, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def dashboards_http(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=server.dashboards, timeout=60) as client:
        yield client


@pytest.fixture
def client(server) -> Iterator[Client]:
    with server.connect() as connected:
        yield connected


@pytest.fixture
def table(http) -> Iterator[str]:
    name = "test_rows"
    http.post("/", content=f"CREATE OR REPLACE TABLE {name} (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    yield name
    http.post("/", content=f"DROP TABLE {name}")
