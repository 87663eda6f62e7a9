"""How Superset's configuration finds the embedded warehouse."""

import os
import runpy
import shutil

import pytest

from tests.support.paths import ROOT
from trailhouse.support.processes import ServiceRecord, write_record


@pytest.fixture
def read_embedded_url(tmp_path, monkeypatch):
    (tmp_path / "secret.key").write_text("key")
    monkeypatch.setenv("TRAILHOUSE_SUPERSET_DIRECTORY", str(tmp_path))
    return runpy.run_path(str(ROOT / "dashboards" / "superset" / "superset_config.py"))["read_embedded_url"]


def test_the_record_of_the_server_is_read_but_not_in_a_copy_of_its_directory(read_embedded_url, tmp_path):
    place = tmp_path / "warehouse"
    place.mkdir()
    assert read_embedded_url(place) is None
    write_record(place / "server.json", ServiceRecord(os.getpid(), "http://127.0.0.1:1"))
    assert read_embedded_url(place) == "http://127.0.0.1:1"
    assert read_embedded_url(shutil.copytree(place, tmp_path / "copy")) is None
