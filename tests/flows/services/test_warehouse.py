"""The tables of the embedded warehouse are made by the first command; those of a server by ``init`` alone."""

import shutil
import uuid

import pytest

from tests.reliability.process_tree import wait_for_end
from tests.support.workplace import Workplace
from trailhouse.cli import main as cli
from trailhouse.flows.services.warehouse import locate_warehouse
from trailhouse.flows.settings import Settings
from trailhouse.server.data_directory import SERVER_FILE
from trailhouse.server.process import stop
from trailhouse.support.processes import read_record
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.schema.initialisation import require_schema
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

MIGRATIONS = read_migrations(packaged_migrations())


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory):
    """A data directory with an embedded server. Every test uses a database of its own in it."""
    directory = tmp_path_factory.mktemp("place") / "data"
    yield directory
    stop(Settings(data_directory=directory).warehouse_directory)


@pytest.fixture
def new_address(data_directory, monkeypatch):
    """The address of a database that does not exist. Commands in this process use it."""
    database = f"new_{uuid.uuid4().hex}"
    monkeypatch.setenv("TRAILHOUSE_DATA_DIRECTORY", str(data_directory))
    monkeypatch.setenv("TRAILHOUSE_DATABASE", database)
    monkeypatch.delenv("TRAILHOUSE_WAREHOUSE_URL", raising=False)
    return locate_warehouse(Settings())


@pytest.mark.parametrize(
    "command",
    [
        ("corpus", "list"),
        ("corpus", "add", "text.txt", "--name", "text"),
        ("sql", "select count() from raw_corpus"),
        ("status",),
        ("task", "group", "list"),
    ],
    ids=" ".join,
)
def test_the_first_command_makes_the_tables_and_says_so(command, new_address, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("a text")
    assert cli.run(list(command)) == 0
    assert "made a new warehouse in" in capfd.readouterr().err
    with connect(new_address) as client:
        require_schema(client)
    assert cli.run(list(command)) == 0
    assert "made a new warehouse" not in capfd.readouterr().err


def test_tables_whose_making_was_interrupted_are_made(new_address):
    apply_migrations(new_address, MIGRATIONS[:3])
    assert cli.run(["corpus", "list"]) == 0
    with connect(new_address) as client:
        require_schema(client)


def test_an_earlier_warehouse_with_rows_is_left_to_init(new_address, tmp_path, capfd):
    apply_migrations(new_address, MIGRATIONS[:-1])
    with connect(new_address) as client:
        client.command("insert into raw_suite (suite_id) values ('kept')")
    (tmp_path / "text.txt").write_text("a text")
    command = ["corpus", "add", str(tmp_path / "text.txt"), "--name", "text"]
    assert cli.run(command) == 2
    assert "run `trailhouse init`" in capfd.readouterr().err
    assert cli.run(["init"]) == 0
    assert cli.run(command) == 0


@pytest.mark.parametrize("holds_rows", [False, True])
def test_a_later_warehouse_is_refused(holds_rows, new_address, capfd):
    apply_migrations(new_address, MIGRATIONS)
    with connect(new_address) as client:
        client.command(
            "insert into schema_migration (version, name, migration_sha256, statement_count, is_complete)"
            " select 9999, 'later', repeat('a', 64), 1, true"
        )
        if holds_rows:
            client.command("insert into raw_suite (suite_id) values ('kept')")
    assert cli.run(["corpus", "list"]) == 2
    assert capfd.readouterr().err == (
        "error: the warehouse has migration 9999, which is newer than this Trailhouse\n  hint: upgrade Trailhouse\n"
    )


def test_commands_that_come_at_once_all_find_the_tables(tmp_path):
    place = Workplace(tmp_path)
    try:
        running = [place.start("corpus", "list"), place.start("sql", "select count() from raw_corpus")]
        assert [process.wait(timeout=120) for process in running] == [0, 0]
    finally:
        stop(place.settings.warehouse_directory)


def test_after_the_data_directory_was_deleted_the_next_command_says_that_its_warehouse_is_new(tmp_path):
    place = Workplace(tmp_path)
    try:
        assert place.run("corpus", "list").returncode == 0
        first = read_record(place.settings.warehouse_directory / SERVER_FILE)
        while place.settings.data_directory.exists():  # the server may just write a file
            shutil.rmtree(place.settings.data_directory, ignore_errors=True)
        again = place.run("corpus", "list")
        assert again.returncode == 0
        assert "a new, empty warehouse is made in" in again.stderr
        assert first is not None
        assert wait_for_end([first.pid], 10)
    finally:
        stop(place.settings.warehouse_directory)


@pytest.mark.parametrize(
    "command", [("corpus", "list"), ("status",), ("sql", "select 1"), ("init", "--check")], ids=" ".join
)
def test_on_a_server_only_init_makes_the_tables(command, new_address, monkeypatch, capfd):
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_URL", new_address.url)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_USER", new_address.user)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_PASSWORD", new_address.password)
    assert cli.run(list(command)) == 5
    error, hint = capfd.readouterr().err.splitlines()
    assert error == f"error: the warehouse at {new_address.url} has no database '{new_address.database}'"
    assert hint == "  hint: run `trailhouse init`"
    assert cli.run(["init"]) == 0
    assert cli.run(list(command)) == 0
