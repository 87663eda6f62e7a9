"""Slots of devices on a real Prefect server."""

import subprocess
import sys
import time

# Holds the device once a line comes in, and prints from when to when by the clock that all processes share.
HOLD = """
import sys, time
from trailhouse.flows.pipeline.claims import hold_devices
print("ready", flush=True)
sys.stdin.readline()
with hold_devices(sys.argv[1:]):
    start = time.monotonic()
    time.sleep(1.5)
    print(start, time.monotonic(), flush=True)
"""


def test_a_device_scores_for_one_process_at_a_time_and_another_device_meanwhile(prefect_server, workplace):
    variables = workplace.environment(PREFECT_API_URL=prefect_server)

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
