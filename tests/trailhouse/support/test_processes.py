"""Services that a command starts and leaves running."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from trailhouse.errors import UnreachableError
from trailhouse.support.processes import (
    ServiceRecord,
    end_service,
    identify_process,
    is_alive,
    read_record,
    start_service,
    wait_until_ready,
    write_record,
)

TIED = """
import subprocess, sys, time
from trailhouse.support.processes import end_with_process
end_with_process(sys.argv[1])
print("tied", flush=True)
time.sleep(60)
"""
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_record_is_read_while_its_process_is_alive(tmp_path):
    path = tmp_path / "server.json"
    assert read_record(path) is None
    write_record(path, ServiceRecord(os.getpid(), "http://127.0.0.1:1"))
    assert read_record(path) == ServiceRecord(os.getpid(), "http://127.0.0.1:1")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_record(path, ServiceRecord(ended.pid, "http://127.0.0.1:1"))
    assert read_record(path) is None
    path.write_text("{")
    assert read_record(path) is None


def test_a_copied_directory_does_not_lead_to_the_service_but_a_renamed_one_does(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    write_record(place / "server.json", ServiceRecord(os.getpid(), "http://127.0.0.1:1"))
    shutil.copytree(place, tmp_path / "copy")
    assert read_record(tmp_path / "copy" / "server.json") is None
    assert read_record(place.rename(tmp_path / "renamed") / "server.json") is not None


def test_a_service_is_started_found_alive_and_ended(tmp_path):
    process = start_service(SLEEP, tmp_path / "log")
    wait_until_ready(process, lambda: True, name="the sleeper", seconds=5, log=tmp_path / "log")
    assert is_alive(process.pid)
    end_service(process.pid, name="the sleeper", seconds=10)
    assert not is_alive(process.pid)
    end_service(process.pid, name="the sleeper", seconds=10)


def test_a_service_that_ends_at_once_is_named_with_its_last_line(tmp_path):
    process = start_service([sys.executable, "-c", "print('first'); print('no such port')"], tmp_path / "log")
    with pytest.raises(UnreachableError, match="the server did not start: no such port"):
        wait_until_ready(process, lambda: False, name="the server", seconds=30, log=tmp_path / "log")


def test_a_service_that_never_answers_is_killed(tmp_path):
    process = start_service(SLEEP, tmp_path / "log")
    with pytest.raises(UnreachableError, match="did not answer within 0 s"):
        wait_until_ready(process, lambda: False, name="the server", seconds=0.3, log=tmp_path / "log")
    assert not is_alive(process.pid)


def test_a_service_that_ignores_the_signal_is_named(tmp_path):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = start_service([sys.executable, "-c", code], tmp_path / "log")
    wait_until_ready(
        process, lambda: "up" in (tmp_path / "log").read_text(), name="it", seconds=10, log=tmp_path / "log"
    )
    process.returncode = None
    with pytest.raises(UnreachableError, match=rf"kill -9 {process.pid}|did not end within"):
        end_service(process.pid, name="it", seconds=0.3)
    process.kill()
    process.wait()


def test_a_process_is_told_apart_from_another_that_gets_its_number():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify_process(child.pid)
    assert identity.startswith(f"{child.pid}:")
    assert identity == identify_process(child.pid) != identify_process(os.getpid())
    child.communicate(b"\n")
    assert identify_process(child.pid) == ""


@pytest.mark.parametrize("ends_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_with_the_one_that_it_is_tied_to(ends_by):
    first = subprocess.Popen(SLEEP)
    tied = subprocess.Popen([sys.executable, "-c", TIED, identify_process(first.pid)], stdout=subprocess.PIPE)
    assert tied.stdout is not None
    assert tied.stdout.readline() == b"tied\n"
    assert tied.poll() is None
    first.send_signal(ends_by)
    first.wait()
    assert tied.wait(20) == -signal.SIGKILL
    tied.stdout.close()
