"""Device slots: on a real Prefect server, and as lock files where there is none."""

import subprocess
import sys
import time

import pytest

# A program that takes the slots of its devices when it reads a line, and gives them back when it reads another line.
# It prints the times of both. All processes have the same clock.
HOLD = """
import sys, time
from pathlib import Path
from trailhouse.flows.pipeline.device_slots import hold_device_slots
print("ready", flush=True)
sys.stdin.readline()
with hold_device_slots(sys.argv[1:], Path("data")):
    print(time.monotonic(), flush=True)
    sys.stdin.readline()
    end = time.monotonic()
print(end, flush=True)
"""


@pytest.mark.parametrize("is_shared", [True, False], ids=["server", "files"])
def test_a_device_runs_for_one_process_at_a_time_and_another_device_meanwhile(is_shared, request, workplace):
    server = {"PREFECT_API_URL": request.getfixturevalue("prefect_server")} if is_shared else {}
    variables = workplace.environment(**server)

    def start(*devices: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, *devices]
        return subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=workplace.directory
        )

    def tell(process: subprocess.Popen[str]) -> None:
        process.stdin.write("go\n")
        process.stdin.flush()

    with start("cuda-a") as first, start("cuda-a", "cuda-b") as second, start("cuda-c") as other:
        for process in (first, second, other):
            assert process.stdout.readline() == "ready\n"
        tell(first)
        first_start = float(first.stdout.readline())
        tell(second)  # waits for the first
        tell(other)
        other_start = float(other.stdout.readline())  # would never come if it waited for the first
        time.sleep(2)
        for process in (first, second, other):
            tell(process)
        first_end, second_start = float(first.stdout.readline()), float(second.stdout.readline())
    assert first_start < other_start < first_end <= second_start
