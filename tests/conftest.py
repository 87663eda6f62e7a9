"""Fixtures that tests of several packages share.

They are an embedded server, a new database for each test, and a demonstration that runs once per session.
"""

import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.support.prefect_server import serve_prefect
from tests.support.workplace import Workplace
from trailhouse.flows.prefect.server import start_command_server
from trailhouse.flows.settings import Settings, set_prefect_defaults, use_prefect_server
from trailhouse.server.process import Endpoint, ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

pytest_plugins = ["tests.reliability.rows"]

# If a shell started pytest in the background, pytest ignores Ctrl-C (SIGINT), and so would its child processes. Tests
# interrupt commands, which are such child processes, so this line restores the default.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Files and folders whose tests use the fixture `demo`, which runs a whole demonstration: one worker runs all of them.
SHARES_DEMONSTRATION = (
    "tests/flows/test_demo.py",
    "tests/flows/test_passages.py",
    "tests/flows/test_score_checkpoints.py",
    "tests/flows/test_watch.py",
    "tests/flows/test_write_report.py",
    "tests/dashboards/superset/",
    "tests/documentation/test_worked_queries.py",
)


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory) -> Iterator[Endpoint]:
    """A running embedded server, started as commands start it.

    It ends by itself only after two idle hours, because a pytest worker may run other tests for a long time.
    """
    directory: Path = tmp_path_factory.mktemp("warehouse")
    yield ensure_running(directory, idle_timeout_seconds=7200)
    stop(directory)


@pytest.fixture
def empty_address(embedded_server) -> Iterator[WarehouseAddress]:
    """The address of a database that does not exist yet."""
    database = f"test_{uuid.uuid4().hex}"
    address = WarehouseAddress.parse(
        embedded_server.url, database, user=embedded_server.user, password=embedded_server.password
    )
    yield address
    with connect(address, needs_database=False) as client:
        client.command(f"drop database if exists {database} sync")


@pytest.fixture(scope="session")
def migrated_database(embedded_server) -> str:
    """The name of a database whose raw tables the migrations made once. Tests copy them and do not change them."""
    address = WarehouseAddress.parse(
        embedded_server.url, "migrated", user=embedded_server.user, password=embedded_server.password
    )
    apply_migrations(address, read_migrations(packaged_migrations()))
    return address.database


@pytest.fixture
def address(empty_address, migrated_database) -> WarehouseAddress:
    """The address of a database with the raw tables, all of them empty."""
    with connect(empty_address, needs_database=False) as client:
        client.command(f"create database {empty_address.database}")
        for (table,) in client.query(f"show tables from {migrated_database}").result_rows:
            client.command(f"create table {empty_address.database}.{table} as {migrated_database}.{table}")
        ledger = "schema_migration"
        client.command(f"insert into {empty_address.database}.{ledger} select * from {migrated_database}.{ledger}")
    return empty_address


@pytest.fixture
def client(address):
    """A client of a database with the raw tables."""
    with connect(address) as opened:
        yield opened


@pytest.fixture(scope="session")
def reduced_suite_directory(tmp_path_factory, worker_id) -> Path:
    """A directory with the reduced miniature suite. Its models are really trained, once for all workers of pytest."""
    from trailhouse.models.miniature import train_miniature_suite

    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    directory = shared / "trained"
    train_miniature_suite(directory / "miniature-reduced", size="reduced")  # waits while another worker trains it
    return directory


@pytest.fixture(scope="session")
def command_server(tmp_path_factory) -> Iterator[str]:
    """One Prefect server for all commands that the tests wait for. Otherwise each command would start its own."""
    settings = Settings(data_directory=tmp_path_factory.mktemp("command-server"))
    set_prefect_defaults(settings)
    server = start_command_server(settings)
    use_prefect_server(server.url, is_own=True)
    from prefect.settings import PREFECT_API_URL, temporary_settings

    server.wait()
    with temporary_settings({PREFECT_API_URL: server.url}):
        yield server.url


@pytest.fixture(scope="session")
def workplace(tmp_path_factory, command_server) -> Iterator[Workplace]:
    """A workplace in an empty directory. Its embedded server is stopped after the tests."""
    place = Workplace(tmp_path_factory.mktemp("workplace"), prefect_url=command_server)
    yield place
    stop(place.settings.warehouse_directory)


@pytest.fixture(scope="session")
def demo(workplace) -> dict:
    """The report of `trailhouse demo` in its reduced size. The command runs once, with a Prefect server of its own."""
    result = Workplace(workplace.directory).run("demo", "--size", "reduced", "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# Fixtures that take seconds, most of them to start a server; `make check` leaves out the tests that use them.
SERVER_FIXTURES = {"embedded_server", "server", "workplace", "prefect_server", "superset", "reduced_suite_directory"}


@pytest.fixture(scope="session")
def prefect_server(workplace, tmp_path_factory) -> Iterator[str]:
    """The address of the API of a real Prefect server."""
    with serve_prefect(tmp_path_factory.mktemp("prefect-server"), workplace.environment()) as url:
        yield url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server, and sort all tests, slow ones first: demonstration, flows, dbt, others.

    The sort keeps the order within each group, in which tests of Superset precede other tests of the demonstration.
    The other tests add rows to the warehouse of the demonstration, and these rows would change the dashboards.
    """
    for item in items:
        if SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")
    order = (SHARES_DEMONSTRATION, "tests/flows/", "tests/dbt/", "")
    items.sort(key=lambda item: next(rank for rank, prefix in enumerate(order) if item.nodeid.startswith(prefix)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Run all tests of a file in one worker, and all tests of the shared demonstration in one worker."""
    return SharedFixtureScheduling(config, log)


class SharedFixtureScheduling(LoadScopeScheduling):
    """Gives whole test files to the workers, so that each fixture that the tests of a file share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "demonstration" if file.startswith(SHARES_DEMONSTRATION) else file
