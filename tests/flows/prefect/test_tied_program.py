"""A program that is tied to a process runs as it would by itself, and is killed once that process has ended."""

import signal
import subprocess
import sys

import pytest

from trailhouse.support.processes import identify_process

SERVE = ["http.server", "0", "--bind", "127.0.0.1"]


@pytest.mark.parametrize("has_ended_before", [False, True])
def test_it_ends_with_the_process_even_if_that_ended_before_it_was_started(has_ended_before, tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = identify_process(process.pid)
        if has_ended_before:
            process.kill()
            process.wait()
        command = [sys.executable, "-u", "-m", "trailhouse.flows.prefect.tied_program", identity, *SERVE]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path) as tied:
            assert tied.stdout is not None
            if not has_ended_before:
                assert tied.stdout.readline().startswith(b"Serving HTTP on 127.0.0.1 port ")
                assert tied.poll() is None
                process.kill()
            assert tied.wait(60) == -signal.SIGKILL
