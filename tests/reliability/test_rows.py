"""The plugin of the reliability rows: when a row runs, what it has to do to pass, and what is not repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

TESTS = """\
import pytest

@pytest.mark.reliability(table="T", row="does all", ci=3, release=5, smoke=2)
def test_does_all(row):
    row.done_count, row.detail = 3, f"seed {row.seed}"

@pytest.mark.reliability(table="T", row="notes a failure", ci=1)
def test_notes_a_failure(row):
    row.done_count = 9
    row.require(True, "no failure")
    row.require(False, "a failure of one thing")

@pytest.mark.reliability(table="T", row="is skipped", ci=1)
def test_is_skipped(row):
    pytest.skip("not here")

@pytest.mark.reliability(table="T", row="long", release=1)
def test_long(row):
    row.done_count = 1

@pytest.mark.proves_reliability(table="T", row="shown by two", ci=5, release=7, count=3)
@pytest.mark.parametrize("number", [1, 2])
def test_ordinary(number):
    with open("runs", "a") as file:
        file.write(f"{number} ")

def test_of_something_else():
    pass
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A git checkout with one test file."""
    (tmp_path / "test_few.py").write_text(TESTS)
    (tmp_path / ".gitignore").write_text("test-artifacts\n__pycache__\nruns\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def run_pytest(project: Path, *options: str) -> tuple[int, str]:
    """Run pytest with the plugin; return its exit code and its output."""
    plugins = ("tests.reliability.rows", "xdist", "pytest_timeout", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-n", "0", *(part for name in plugins for part in ("-p", name))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = subprocess.run([*command, *options], cwd=project, env=environment, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def read_table(output: str) -> dict[str, list[str]]:
    """Return the cells of the table by the name of the row: those of asked, done, verdict and detail."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]
    return {name: [asked, done, verdict, detail] for _, name, asked, done, verdict, _, detail in rows}


def test_rows_run_only_with_a_size_and_ordinary_tests_that_show_a_row_always(project):
    code, output = run_pytest(project)
    assert (code, read_table(output)) == (0, {})
    assert "3 passed, 4 deselected" in output
    assert (project / "runs").read_text() == "1 2 "


def test_a_row_passes_if_it_did_what_the_size_asks_without_a_failure(project):
    code, output = run_pytest(project, "--size", "ci", "--seed", "7")
    assert code == 1
    assert read_table(output) == {
        "does all": ["3", "3", "pass", "seed 7"],
        "notes a failure": ["1", "9", "FAIL", ""],
        "is skipped": ["1", "0", "not shown", ""],
        "shown by two": ["5", "6", "pass", "tests of test_few.py"],
    }
    assert "a failure of one thing" in output


def test_a_row_that_did_less_than_asked_fails(project):
    code, output = run_pytest(project, "--size", "release", "-k", "test_does_all")
    assert (code, read_table(output)) == (1, {"does all": ["5", "3", "FAIL", "seed 1"]})
    assert "3 done, 5 asked" in output
    code, output = run_pytest(project, "--size", "release", "-k", "test_ordinary")
    assert (code, read_table(output)["shown by two"][:3]) == (1, ["7", "6", "FAIL"])
    assert run_pytest(project, "--size", "smoke", "-k", "test_does_all")[0] == 0


def test_a_skipped_row_fails_the_run(project):
    code, output = run_pytest(project, "--size", "ci", "-k", "test_is_skipped")
    assert (code, read_table(output)["is skipped"][2]) == (1, "not shown")


@pytest.mark.parametrize("worker_count", ["0", "2"])
def test_after_the_ordinary_tests_those_that_show_a_row_are_not_repeated(project, worker_count):
    chosen = ("-m", "reliability or proves_reliability", "-k", "test_does_all or test_ordinary", "--size", "ci")
    assert run_pytest(project, "-n", worker_count)[0] == 0
    code, output = run_pytest(project, *chosen, "--after-tests")
    assert (code, read_table(output)["shown by two"][:3]) == (0, ["5", "6", "pass"])
    assert sorted((project / "runs").read_text().split()) == ["1", "2"]

    (project / "changed.py").write_text("")  # a change since the ordinary tests ran
    assert run_pytest(project, *chosen, "--after-tests")[0] == 0
    assert sorted((project / "runs").read_text().split()) == ["1", "1", "2", "2"]


def test_a_failure_of_an_ordinary_test_stays_one_in_the_run_after_it(project):
    text = (project / "test_few.py").read_text()
    (project / "test_few.py").write_text(
        text.replace("def test_ordinary(number):", "def test_ordinary(number):\n    assert number == 1")
    )
    assert run_pytest(project)[0] == 1
    code, output = run_pytest(project, "--size", "ci", "--after-tests", "-k", "test_ordinary")
    assert (code, read_table(output)["shown by two"][:3]) == (1, ["5", "3", "FAIL"])
