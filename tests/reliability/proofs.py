"""Rows that tests prove as they stand: hostile checkpoints, and what needs Superset and a browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.bench import Bench
from tests.reliability.check import Outcome

ROOT = Path(__file__).parents[2]
_MAX_SECONDS = 1800


@dataclass(frozen=True)
class Proof:
    """Tests of one file that prove a row, and how many things each of them is about."""

    file: str
    counts: dict[str, int]

    def run(self, bench: Bench, count: int) -> Outcome:
        """Run them; a test that was skipped proves nothing."""
        outcome = Outcome(detail=f"tests of {self.file}")
        nodes = [f"{self.file}::{name}" for name in self.counts]
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-rA", "-q", *nodes]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_MAX_SECONDS)
        passed = set(re.findall(r"^PASSED \S+::(\w+)", run.stdout, re.MULTILINE))
        for name, part in self.counts.items():
            outcome.require(name in passed, f"{name}: {run.stdout[-1500:]}")
            outcome.done_count += part * (name in passed)
        return outcome


def cite(proof: Proof) -> Callable[[Bench, int], Outcome]:
    """A check that runs nothing: the whole test suite, which has just passed, holds these tests."""

    def read(bench: Bench, count: int) -> Outcome:
        outcome = Outcome(detail=f"passed in make test: {proof.file}")
        source = (ROOT / proof.file).read_text()
        for name, part in proof.counts.items():
            outcome.require(f"\ndef {name}(" in source, f"{proof.file} has no test {name}")
            outcome.done_count += part
        return outcome

    return read
