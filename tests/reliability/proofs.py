"""Rows that tests prove as they stand: untrusted checkpoints, and what needs Superset and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.reliability.bench import Bench
from tests.reliability.check import Outcome
from tests.support.paths import ROOT

REPORT = ROOT / "test-artifacts" / "tests.xml"
_MAX_SECONDS = 1800
_OTHER_ENDS = ("failure", "error", "skipped")


@dataclass(frozen=True)
class Proof:
    """Tests of one file that prove a row, and how many things each of them is about."""

    file: str
    counts: dict[str, int]

    def check(self, find_report: Callable[[], Path]) -> Callable[[Bench, int], Outcome]:
        """A check that the tests have passed, by pytest's report in XML; one that was skipped proves nothing."""

        def read(bench: Bench, count: int) -> Outcome:
            outcome = Outcome(detail=f"tests of {self.file}")
            module = self.file.removesuffix(".py").replace("/", ".")
            cases = list(ElementTree.parse(find_report()).iter("testcase"))
            for name, part in self.counts.items():
                mine = [
                    case
                    for case in cases
                    if case.get("classname") == module and str(case.get("name")).partition("[")[0] == name
                ]
                has_passed = bool(mine) and not any(case.find(end) is not None for case in mine for end in _OTHER_ENDS)
                outcome.require(has_passed, f"{name} has not passed: {describe(mine)}")
                outcome.done_count += part * has_passed
            return outcome

        return read


def describe(cases: list[ElementTree.Element]) -> str:
    """Why tests have not passed."""
    ends = [end for case in cases for end in case if end.tag in _OTHER_ENDS]
    return "; ".join(f"{end.tag}: {end.get('message')}" for end in ends) or "it is not in the report"


def run_tests(proofs: Iterable[Proof], report: Path) -> Path:
    """Run the tests of all proofs in one go, and return the report."""
    nodes = [f"{proof.file}::{name}" for proof in proofs for name in proof.counts]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-q", f"--junitxml={report}"]
    subprocess.run([*command, *nodes], cwd=ROOT, capture_output=True, timeout=_MAX_SECONDS, check=False)
    return report
