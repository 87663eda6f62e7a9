"""`trailhouse doctor`: findings about the installation, and exit codes."""

import json

import pytest

from tests.support.workplace import Workplace
from trailhouse.flows.examine_installation import check_directory, check_packages, check_passwords, check_superset
from trailhouse.flows.settings import Settings
from trailhouse.server.access.credentials import Role, ensure_credentials, password_path
from trailhouse.server.process import stop


def test_the_installed_packages_are_as_pinned_and_a_foreign_version_is_named(monkeypatch):
    assert check_packages().verdict == "ok", check_packages().found
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda _: ["numpy<1", "no-such-package>=1", "rich; extra == 'x'"]
    )
    finding = check_packages()
    assert finding.verdict == "problem"
    assert "numpy is" in finding.found
    assert "no-such-package is missing" in finding.found
    assert "rich" not in finding.found


def test_passwords_open_to_others_and_a_full_disk_are_found(tmp_path, monkeypatch):
    ensure_credentials(tmp_path)
    assert check_passwords(tmp_path).verdict == "ok"
    password_path(tmp_path, Role.READER).chmod(0o640)
    assert check_passwords(tmp_path).verdict == "problem"
    monkeypatch.setattr("trailhouse.flows.examine_installation.LITTLE_SPACE_FRACTION", 1.1)
    assert check_directory(tmp_path).verdict == "warning"


@pytest.mark.parametrize(("url", "verdict"), [(None, "ok"), ("http://127.0.0.1:1", "problem"), ("ftp://x", "problem")])
def test_a_superset_that_is_configured_has_to_answer(url, verdict):
    assert check_superset(Settings(superset_url=url)).verdict == verdict


@pytest.mark.slow
def test_the_command_lists_findings_and_fails_on_a_problem_until_it_is_cured(tmp_path):
    place = Workplace(tmp_path)
    try:
        sick = place.run("doctor", "--json")
        assert sick.returncode in (4, 5), sick.stderr
        assert "trailhouse init" in sick.stdout
        assert place.run("init").returncode == 0
        well = place.run("doctor", "--json")
        assert well.returncode == 0, well.stderr
        assert {finding["verdict"] for finding in json.loads(well.stdout)} <= {"ok", "warning"}
        unreachable = place.run("doctor", "--compare", "http://127.0.0.1:1")
        assert unreachable.returncode == 5
    finally:
        stop(place.settings.warehouse_directory)
