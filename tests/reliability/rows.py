"""A pytest plugin that prints a table of what was asked, done and shown about reliability and security.

Each row of the table is one property, such as "disk full". A row asks for a number of things to be done, such as ten
loads. It is shown if its tests pass and do as many things as asked. Two markers say which row a test shows:

    @pytest.mark.reliability(table="Reliability", row="disk full", ci=1, release=10)
        A test that shows a row. It runs only with ``--size``, takes the fixture ``row``, and fails if it does fewer
        things than the size asks for.
    @pytest.mark.proves_reliability(table="Security", row="untrusted checkpoints", ci=25, release=60, count=8)
        An ordinary test that shows ``count`` things of a row. Several tests may share a row.

``--size smoke`` asks for one thing per row, or for what the marker says as ``smoke``; it is for trying a test.
"""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.reliability.tree_state import read_tree_state

SIZES = ("smoke", "ci", "release")
RECORD = "test-artifacts/reliability_rows.json"
_MARKERS = ("reliability", "proves_reliability")
_MAX_FAILURES_SHOWN = 20
_TABLE_WIDTH = 160


@dataclass
class Row:
    """A row of the reliability tables, such as "kill -9 of the server", and how far its test is.

    ``asked`` is the number of times that the test must do this, and ``done_count`` how often it has done it so far.
    """

    asked: int
    seed: int
    done_count: int = 0
    detail: str = ""
    failures: list[str] = field(default_factory=list)

    def require(self, is_good: bool, failure: str) -> None:
        """Note a failure unless ``is_good``; the test goes on, and fails at its end."""
        if not is_good:
            self.failures.append(" ".join(failure.split())[:400])

    def judge(self) -> None:
        """Fail the test if a failure was noted, or if less was done than asked."""
        if self.failures:
            shown = "\n".join(self.failures[:_MAX_FAILURES_SHOWN])
            pytest.fail(f"{len(self.failures)} failures:\n{shown}", pytrace=False)
        if self.done_count < self.asked:
            pytest.fail(f"{self.done_count} done, {self.asked} asked", pytrace=False)


@dataclass
class Part:
    """The result of one test of a row, as far as its phases (setup, call, teardown) have run."""

    table: str
    row: str
    asked: dict[str, int]
    done_count: int = 0
    detail: str = ""
    seconds: float = 0.0
    outcome: str = "passed"

    def add_phase(self, phase: Part) -> None:
        """Add the result of the next phase of the same test; a phase that failed decides the outcome."""
        self.seconds += phase.seconds
        self.done_count = max(self.done_count, phase.done_count)
        self.detail = phase.detail or self.detail
        if self.outcome == "passed" or phase.outcome == "failed":
            self.outcome = phase.outcome


_ROW = pytest.StashKey[Row]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reliability")
    group.addoption("--size", choices=SIZES, help="run the rows of the reliability tables, and ask so much of them")
    group.addoption("--seed", type=int, default=1, help="seed of what the rows choose at random (default: 1)")
    group.addoption(
        "--after-tests",
        action="store_true",
        help="do not repeat ordinary tests that show a row if they ran on this state of the files",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--size") is not None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM interrupts: fixtures stop their servers
    config.pluginmanager.register(RowSummary(config), "reliability-rows")


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Row:
    """Return the row of the running test, in which the test counts what it has done."""
    config, (marker,) = request.config, request.node.iter_markers("reliability")
    noted = Row(find_asked(marker.kwargs, config.getoption("--size")), config.getoption("--seed"))
    request.node.stash[_ROW] = noted
    return noted


def find_asked(asked: dict[str, Any], size: str | None) -> int:
    """Return how many things a size asks for, by the arguments of a marker; 0 if pytest runs without ``--size``."""
    return int(asked.get(size, 1 if size == "smoke" else 0))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Judge a row when its test has returned."""
    result = yield
    if (noted := pyfuncitem.stash.get(_ROW, None)) is not None:
        noted.judge()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Attach the result for a row to the report of each phase; reports travel from the workers to the main process."""
    report: Any = yield
    for marker in (marker for name in _MARKERS for marker in item.iter_markers(name)):
        asked = {size: int(marker.kwargs[size]) for size in SIZES if size in marker.kwargs}
        part = Part(marker.kwargs["table"], marker.kwargs["row"], asked, seconds=report.duration)
        part.outcome = report.outcome
        if (noted := item.stash.get(_ROW, None)) is not None:
            part.done_count, part.detail = noted.done_count, noted.detail
        elif report.when == "call" and report.passed:
            part.done_count, part.detail = marker.kwargs["count"], f"tests of {item.location[0]}"
        report.reliability_part = asdict(part)
    return report


class RowSummary:
    """Collects the results of all rows, prints them as a table, and fails the run if a row was not confirmed.

    A row is one promise about reliability. Several tests may each confirm a part of it.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.size: str | None = config.getoption("--size")
        self.is_after_tests: bool = config.getoption("--after-tests")
        self.config = config
        self.parts: dict[str, Part] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out tests of rows of which nothing is asked, and ordinary tests whose results are in the record."""
        recorded = read_record(self.config.rootpath) if self.is_after_tests else {}
        left_out = [item for item in items if item.nodeid in recorded or not self._is_asked(item)]
        self.parts |= {item.nodeid: recorded[item.nodeid] for item in items if item.nodeid in recorded}
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]
        if self.size == "release":
            for item in items:
                item.add_marker(pytest.mark.timeout(0))

    def _is_asked(self, item: pytest.Item) -> bool:
        marker = item.get_closest_marker("reliability")
        return marker is None or find_asked(marker.kwargs, self.size) > 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        part = getattr(report, "reliability_part", None)
        if part is None:
            return
        if report.nodeid in self.parts:
            self.parts[report.nodeid].add_phase(Part(**part))
        else:
            self.parts[report.nodeid] = Part(**part)
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if self.size is not None and report.failed and terminal is not None:
            terminal.write_line(f"\n{part['row']}: {report.longreprtext}")  # at once, as a run may take hours

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if a row was not shown; without a size, record the rows that ordinary tests show."""
        if hasattr(session.config, "workerinput"):  # a worker of pytest-xdist; the main process collects
            return
        if self.size is None:
            if self.parts:
                write_record(self.config.rootpath, self.parts)
        elif self.parts and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            is_good = all(verdict == "pass" for *_, verdict in self._judge_rows())
            session.exitstatus = pytest.ExitCode.OK if is_good else pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print one line for each row, in the order in which the tests of the rows ended."""
        if self.size is None or not self.parts:
            return
        shown = Table("table", "row", "asked", "done", "verdict", "seconds", "detail", header_style="bold")
        for row, asked, verdict in self._judge_rows():
            shown.add_row(
                row.table, row.row, str(asked), str(row.done_count), verdict, f"{row.seconds:.0f}", row.detail
            )
        output = io.StringIO()
        Console(file=output, width=_TABLE_WIDTH).print(shown)
        terminalreporter.section("reliability and security")
        terminalreporter.write(output.getvalue())

    def _judge_rows(self) -> list[tuple[Part, int, str]]:
        """Return each row with its parts added up, how much was asked of it, and its verdict."""
        rows: dict[tuple[str, str], list[Part]] = {}
        for part in self.parts.values():
            rows.setdefault((part.table, part.row), []).append(part)
        judged = []
        for (table, name), parts in rows.items():
            total = Part(table, name, parts[0].asked, detail=", ".join(dict.fromkeys(p.detail for p in parts)))
            total.done_count = sum(part.done_count for part in parts)
            total.seconds = sum(part.seconds for part in parts)
            asked = find_asked(total.asked, self.size)
            outcomes = {part.outcome for part in parts}
            if outcomes == {"passed"} and total.done_count >= asked:
                verdict = "pass"
            else:
                verdict = "FAIL" if "failed" in outcomes or "skipped" not in outcomes else "not shown"
            judged.append((total, asked, verdict))
        return judged


def write_record(root: Path, parts: dict[str, Part]) -> None:
    """Record the rows that ordinary tests show, and the state of the files on which they ran."""
    path = root / RECORD
    path.parent.mkdir(exist_ok=True)
    content = {"tree": read_tree_state(root), "parts": {name: asdict(part) for name, part in parts.items()}}
    path.write_text(json.dumps(content, indent=1))


def read_record(root: Path) -> dict[str, Part]:
    """Return the recorded parts by test; an empty dict if no record exists or if the files have changed since."""
    path, state = root / RECORD, read_tree_state(root)
    if state is None or not path.exists():
        return {}
    content = json.loads(path.read_text())
    if content["tree"] != state:
        return {}
    return {name: Part(**part) for name, part in content["parts"].items()}
