"""The lock of a data directory, and the name of its holder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from trailhouse.errors import UnreachableError, UsageError
from trailhouse.server.engine.directory_lock import DirectoryLock

_HOLD = """
import sys, time
from pathlib import Path
from trailhouse.server.engine.directory_lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_another_process_is_told_who_holds_the_lock_and_kill_9_frees_it(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    today = datetime.now(UTC).isoformat()[:10]
    for _ in range(2):  # twice, because the first refused process must not release the lock
        with pytest.raises(UnreachableError) as caught:
            DirectoryLock(tmp_path).acquire()
        assert f"in use by process {holder.pid} on {socket.gethostname()} since {today}" in caught.value.message
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    DirectoryLock(tmp_path).acquire().release()
    assert json.loads((tmp_path / "server.holder.json").read_text())["pid"] == os.getpid()


def test_a_released_lock_can_be_taken_again(tmp_path):
    first = DirectoryLock(tmp_path).acquire()
    with pytest.raises(UnreachableError):
        DirectoryLock(tmp_path).acquire()
    first.release()
    DirectoryLock(tmp_path).acquire().release()


def test_a_holder_that_is_not_written_down_is_another_process(tmp_path):
    held = DirectoryLock(tmp_path).acquire()
    for text in ["", "{}", "[]", "null"]:
        (tmp_path / "server.holder.json").write_text(text)
        with pytest.raises(UnreachableError, match="in use by another process"):
            DirectoryLock(tmp_path).acquire()
    held.release()


def test_only_the_owner_may_read_the_files_of_the_lock(tmp_path):
    held = DirectoryLock(tmp_path).acquire()
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "server.lock": 0o600,
        "server.holder.json": 0o600,
    }
    held.release()


def test_a_directory_that_is_none_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to the warehouse directory"):
        DirectoryLock(tmp_path / "file").acquire()
