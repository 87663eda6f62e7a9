"""Scoring in less memory than a model needs."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from pathlib import Path

from tests.reliability.bench import Bench
from tests.reliability.check import Outcome
from tests.support.tiny_suite import make_suite, make_template
from tests.support.workplace import Workplace

# two matrices of this many rows and 16 columns of float32 are 512 MiB
_LARGE_VOCABULARY = 1 << 22
_SLACK_BYTES = 256 << 20
_MAX_SECONDS = 120


def starve_scoring(bench: Bench, count: int) -> Outcome:
    """A model that the memory does not hold is named, and not stored in part; with memory, it is scored."""
    outcome = Outcome()
    folder = bench.folder("starved")
    place = Workplace(folder)
    bench.stop_finally(place.settings.warehouse_directory)
    (place.directory / "line.txt").write_text("The parser reads the file and returns a tuple.")
    for command in (("init",), ("corpus", "add", "line.txt", "--name", "line")):
        place.run(*command).check_returncode()
    small, large = (
        make_suite(make_template(folder / f"{name}-template", size), folder, name, [0]).declaration
        for name, size in (("small", None), ("large", _LARGE_VOCABULARY))
    )
    _, message, enough_bytes = score_within(place, small, resource.RLIM_INFINITY, folder / "stderr")
    stored = "select count() from raw_token_score where model_id = 'large/tiny'"
    outcome.require(enough_bytes > 0, f"the small model was not scored: {message}")
    for _ in range(count):
        code, message, _ = score_within(place, large, enough_bytes + _SLACK_BYTES, folder / "stderr")
        is_named = code in (2, 4) and "memory" in message and "hint:" in message and "Traceback" not in message
        outcome.require(is_named, f"code {code}: {message[-400:]}")
        outcome.require(place.query(stored) == [(0,)], f"{place.query(stored)} scores of a model that did not fit")
        outcome.done_count += 1
    place.run("score", str(large), "--corpus", "line").check_returncode()
    scored = "select score_count from raw_score_ledger final where model_id = 'large/tiny' and is_complete"
    outcome.require(place.query(stored) == place.query(scored) != [(0,)], "with memory, it was not scored")
    outcome.detail = f"a limit of {(enough_bytes + _SLACK_BYTES) >> 20} MiB of addresses"
    return outcome


def score_within(place: Workplace, declaration: Path, limit_bytes: int, log: Path) -> tuple[int, str, int]:
    """Score a suite in so much address space; returns its exit code, its messages and how much it had at most."""
    with log.open("wb") as file:
        process = place.start("score", str(declaration), "--corpus", "line", stderr=file)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    most_bytes = 0
    deadline = time.monotonic() + _MAX_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            found = re.search(r"VmPeak:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            most_bytes = max(most_bytes, int(found[1]) << 10 if found else 0)
            time.sleep(0.1)
        return process.wait(0.1), log.read_text(), most_bytes
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(), f"it hung, and said: {log.read_text()}", most_bytes
