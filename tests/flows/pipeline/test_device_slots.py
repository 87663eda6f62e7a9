"""Device slots, on a real Prefect server and by lock files."""

import subprocess
import sys
import time

import pytest

# Holds the device once a line comes in, and prints from when to when by the clock that all processes share.
HOLD = """
import sys, time
from pathlib import Path
from trailhouse.flows.pipeline.device_slots import hold_device_slots
print("ready", flush=True)
sys.stdin.readline()
with hold_device_slots(sys.argv[1:], Path("data")):
    start = time.monotonic()
    time.sleep(1.5)
    print(start, time.monotonic(), flush=True)
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

    with start("cuda-a") as first, start("cuda-a", "cuda-b") as second, start("cuda-c") as other:
        processes = (first, second, other)
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        asked_at = time.monotonic()
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        held = [tuple(map(float, process.stdout.readline().split())) for process in processes]
    (first_start, first_end), (second_start, second_end), (other_start, _) = held
    assert first_end <= second_start or second_end <= first_start
    assert asked_at < other_start < max(first_start, second_start), "another device need not wait"
