"""How Superset's configuration finds the embedded warehouse, and who may write SQL."""

import os
import runpy
import shutil

import pytest

from tests.support.paths import ROOT
from trailhouse.dashboards.publish.roles import RESEARCHER, STAKEHOLDER
from trailhouse.support.processes import ServiceRecord, write_record


@pytest.fixture
def configuration(tmp_path, monkeypatch) -> dict:
    """The names that the configuration file defines."""
    (tmp_path / "secret.key").write_text("key")
    monkeypatch.setenv("TRAILHOUSE_SUPERSET_DIRECTORY", str(tmp_path))
    return runpy.run_path(str(ROOT / "dashboards" / "superset" / "superset_config.py"))


def test_the_record_of_the_server_is_read_but_not_in_a_copy_of_its_directory(configuration, tmp_path):
    read_embedded_url = configuration["read_embedded_url"]
    place = tmp_path / "warehouse"
    place.mkdir()
    assert read_embedded_url(place) is None
    write_record(place / "server.json", ServiceRecord(os.getpid(), "http://127.0.0.1:1"))
    assert read_embedded_url(place) == "http://127.0.0.1:1"
    assert read_embedded_url(shutil.copytree(place, tmp_path / "copy")) is None


def test_the_published_role_of_researchers_may_write_sql_and_that_of_stakeholders_may_not(configuration):
    assert RESEARCHER in configuration["SQL_ROLES"]
    assert STAKEHOLDER not in configuration["SQL_ROLES"]


@pytest.mark.parametrize(("is_reader", "user"), [(True, "reader"), (False, "dashboards")])
def test_the_user_of_the_warehouse_depends_on_whether_a_user_may_write_sql(configuration, monkeypatch, is_reader, user):
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_URL", "http://elsewhere:8123")
    for name in ("reader", "dashboards"):
        monkeypatch.setenv(f"TRAILHOUSE_{name.upper()}_USER", name)
        monkeypatch.setenv(f"TRAILHOUSE_{name.upper()}_PASSWORD", f"password of {name}")
    found = configuration["find_warehouse"](is_reader=is_reader)
    assert found == ("http://elsewhere:8123", user, f"password of {user}")
