"""The files that the server's process can open, tested with an engine that has neither guard nor grants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import pytest

from trailhouse.server.access import confinement
from trailhouse.server.access.confinement import confine
from trailhouse.server.access.credentials import Role, password_path

# Opens chDB without our guard and configuration, so that only the kernel can refuse access to files.
_PROGRAM = """
import json, os, sys
from pathlib import Path
from trailhouse.server.access.confinement import confine
directory = Path(sys.argv[1])
print(json.dumps(confine(directory)), flush=True)
os.chdir(directory / ".server")
import chdb
engine = chdb.connect(str(directory))
for sql in sys.stdin:
    try:
        print(json.dumps(str(engine.query(json.loads(sql), "TabSeparatedRaw"))), flush=True)
    except RuntimeError as error:
        print(json.dumps(f"refused: {error}"), flush=True)
"""


@pytest.fixture
def ask_confined_engine(tmp_path):
    """Return a function that runs statements in a confined engine, and returns one answer for each."""
    directory = tmp_path / "warehouse"
    directory.mkdir()

    def ask(*statements: str) -> list[str]:
        lines = "".join(json.dumps(statement) + "\n" for statement in statements)
        run = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(directory)], input=lines, capture_output=True, text=True, timeout=120
        )
        is_confined, *answers = map(json.loads, run.stdout.splitlines())
        if not is_confined:
            pytest.skip("the kernel has no Landlock")
        assert len(answers) == len(statements), run.stderr[-2000:]
        return answers

    return ask


def test_an_engine_without_any_guard_reads_and_writes_nothing_but_its_own(ask_confined_engine, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    password = password_path(tmp_path / "warehouse", Role.ADMIN)
    password.write_text("the password")
    target = tmp_path / "target.txt"
    answers = ask_confined_engine(
        f"SELECT file('{secret}')",
        f"SELECT file('{password}')",
        f"SELECT * FROM file('{password}', 'LineAsString')",
        f"SELECT file('{tmp_path}/warehouse/.server/../admin.password')",
        "SELECT file('/etc/passwd')",
        "SELECT file('/proc/self/environ')",
        f"SELECT 1 INTO OUTFILE '{target}'",
        f"INSERT INTO FUNCTION file('{target}', 'CSV', 'x String') VALUES ('x')",
    )
    assert [answer for answer in answers if not answer.startswith("refused: ")] == []
    assert not target.exists()
    assert password.read_text() == "the password"


def test_a_confined_engine_does_all_of_its_own_work(ask_confined_engine):
    answers = ask_confined_engine(
        "CREATE DATABASE d",
        "CREATE TABLE d.t (a Int64, b String) ENGINE = MergeTree ORDER BY a PARTITION BY a % 2",
        "INSERT INTO d.t SELECT number, toString(number) FROM numbers(100000)",
        "INSERT INTO d.t SELECT number, 'x' FROM numbers(100000)",
        "OPTIMIZE TABLE d.t FINAL",
        "ALTER TABLE d.t DELETE WHERE a < 50000 SETTINGS mutations_sync = 1",
        "CREATE TABLE d.s AS d.t",
        "ALTER TABLE d.s REPLACE PARTITION 1 FROM d.t",
        "RENAME DATABASE d TO e",
        "SELECT count() FROM e.s",
        "SELECT count() FROM (SELECT number % 1000000 AS k FROM numbers(3000000) GROUP BY k"
        " SETTINGS max_bytes_before_external_group_by = 10000000, max_bytes_ratio_before_external_group_by = 0)",
        "DROP DATABASE e SYNC",
    )
    assert answers[9:11] == ["50000\n", "1000000\n"]
    assert [answer for answer in answers if answer.startswith("refused")] == []


@pytest.mark.parametrize(("version", "is_confined"), [(0, False), (2, False), (3, True), (6, True), (None, False)])
def test_only_a_landlock_that_forbids_truncating_is_used(tmp_path, monkeypatch, version, is_confined):
    def find_version() -> int:
        if version is None:
            raise OSError("no Landlock")
        return version

    applied, variables = [], {}
    ruleset = SimpleNamespace(apply=lambda: applied.append(1))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(confinement, "landlock_abi_version", find_version)
    monkeypatch.setattr(confinement, "_make_ruleset", lambda directory: ruleset)
    monkeypatch.setattr(confinement.os, "putenv", variables.__setitem__)
    left = tmp_path / ".server" / "temporary" / "left"
    left.parent.mkdir(parents=True)
    left.write_text("by a killed server")
    assert confine(tmp_path) is is_confined
    assert len(applied) == is_confined
    temporary = str(tmp_path / ".server" / "temporary")
    assert left.exists() is not is_confined
    assert variables == ({"TMPDIR": temporary} if is_confined else {})
    assert tempfile.tempdir == (temporary if is_confined else None)
    if is_confined:
        folders = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.name != ".server"}
        assert folders == {"data": 0o700, "metadata": 0o700, "metadata_dropped": 0o700, "status": 0o600,
                           "store": 0o700, "tmp": 0o700}  # fmt: skip
        assert os.stat(temporary).st_mode & 0o777 == 0o700
        assert confine(tmp_path)
