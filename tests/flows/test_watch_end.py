"""However `trailhouse watch` ends, everything that it started ends with it."""

import signal
import time
from importlib.metadata import version

import pytest

from tests.reliability.process_tree import kill_all, list_descendants, wait_for_end
from tests.support.workplace import Workplace
from trailhouse.server.process import stop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        version("sqlalchemy") >= "2.1", reason="Prefect schedules nothing with it: run `make environment`"
    ),
]

START_SECONDS = 400.0
END_SECONDS = 30.0
SERVICE_PROCESSES = 1
"""The Prefect server. A second process is a poll."""
SCORED = "select count() from raw_score_ledger"


@pytest.fixture
def place(tmp_path):
    """An empty workplace with a corpus and its own warehouse."""
    place = Workplace(tmp_path)
    (tmp_path / "few.txt").write_text("The parser reads the file and returns a tuple.\n")
    assert place.run("init").returncode == 0
    assert place.run("corpus", "add", "few.txt", "--name", "few").returncode == 0
    yield place
    stop(place.settings.warehouse_directory)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_of_the_service_lives_on(make_tiny_suite, place, tmp_path, number):
    declaration = str(make_tiny_suite("ending", [1]).declaration)
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        process = place.start("watch", declaration, "--corpus", "few", "--interval", "5", stderr=stderr)
    descendants: list[int] = []
    try:
        deadline = time.monotonic() + START_SECONDS
        # a poll has scored the checkpoint and derives the marts, which takes long
        while len(descendants) <= SERVICE_PROCESSES or not place.query(SCORED)[0][0]:
            assert process.poll() is None, errors.read_text()
            assert time.monotonic() < deadline, errors.read_text()
            time.sleep(0.5)
            descendants = list_descendants(process.pid)
        process.send_signal(number)
        process.wait(END_SECONDS)
        assert wait_for_end(descendants, END_SECONDS)
    finally:
        kill_all([*descendants, *list_descendants(process.pid), process.pid])
        process.wait()
    said = errors.read_text()
    assert "watching" in said
    assert "never awaited" not in said
    assert "Traceback" not in said
