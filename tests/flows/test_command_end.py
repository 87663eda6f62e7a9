"""However a command ends, its Prefect server ends with it, also while that server starts.

tests/flows/pipeline/test_kills.py ends commands while they work, and tests/reliability/test_kills_of_commands.py counts
the processes that a killed worker leaves behind.
"""

import signal
import time

import pytest

from tests.reliability.process_tree import kill_all, list_descendants, wait_for_end
from tests.support.workplace import Workplace
from trailhouse.server.process import stop

pytestmark = pytest.mark.slow

START_SECONDS = 240.0
END_SECONDS = 30.0
COMMANDS = (("score", "miniature", "--corpus", "few"), ("transform", "--all"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workplace with a corpus, whose embedded server runs: a command would leave that running on purpose."""
    place = Workplace(tmp_path_factory.mktemp("ends"))
    (place.directory / "few.txt").write_text("The parser reads the file and returns a tuple.\n")
    assert place.run("corpus", "add", "few.txt", "--name", "few").returncode == 0
    yield place
    stop(place.settings.warehouse_directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_ends_while_its_server_starts_leaves_no_process(place, command, number, tmp_path):
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        process = place.start(*command, stderr=stderr)
    descendants: list[int] = []
    try:
        deadline = time.monotonic() + START_SECONDS
        while not descendants:
            assert process.poll() is None, f"it ended too early: {errors.read_text()}"
            assert time.monotonic() < deadline, "it started no server"
            time.sleep(0.02)
            descendants = list_descendants(process.pid)
        process.send_signal(number)
        code = process.wait(END_SECONDS)
        assert wait_for_end(descendants, END_SECONDS)
    finally:
        kill_all([*descendants, *list_descendants(process.pid), process.pid])
        process.wait()
    if number == signal.SIGKILL:
        assert (code, errors.read_text()) == (-signal.SIGKILL, "")
    else:
        assert code == 130
        assert errors.read_text() == "interrupted\n  hint: run it again: it resumes where it stopped\n"
