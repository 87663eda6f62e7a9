"""Fixtures of the reliability tests: a shared server, a function that starts others, and a workplace with scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.running_server import RunningServer
from tests.reliability.scored_workplace import ScoredWorkplace
from trailhouse.server.process import stop


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests that neither stop nor damage their server."""
    directory: Path = tmp_path_factory.mktemp("shared-server")
    yield RunningServer(directory)
    stop(directory)


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RunningServer]]:
    """A function that starts a server on a new directory. The servers are stopped when the test ends."""
    servers: list[RunningServer] = []

    def start() -> RunningServer:
        servers.append(RunningServer(tmp_path_factory.mktemp("server")))
        return servers[-1]

    yield start
    for server in servers:
        stop(server.directory)


@pytest.fixture(scope="session")
def scored_workplace(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[ScoredWorkplace]:
    """A workplace in which each of ``COMMANDS`` has run once. Each test leaves the same rows in its warehouse."""
    place = ScoredWorkplace(tmp_path_factory.mktemp("scored-workplace"), {"PREFECT_API_URL": prefect_server})
    try:
        place.prepare()
        yield place
    finally:
        stop(place.settings.warehouse_directory)
