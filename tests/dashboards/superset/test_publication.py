"""Dashboards as code against a real Superset: published once, found again, healed, removed; others' work stays."""

import json
import stat

import pytest
import yaml

from trailhouse.dashboards.publish.assets import read_bundle, unzip_bundle
from trailhouse.dashboards.publish.publication import find_drift, publish_bundle
from trailhouse.flows.publish_dashboards import compile_assets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(workplace):
    return compile_assets(workplace.settings)


def ids(client, resource, name_column):
    return {row[name_column]: row["id"] for row in client.read_all(resource, f"id,{name_column}")}


def test_publishing_again_changes_nothing(superset, files):
    before = superset.client().export_assets()
    again = superset.run("publish", "--json")
    assert again.returncode == 0, again.stderr
    report = json.loads(again.stdout)
    assert [report[key] for key in ("created", "changed", "removed", "access_changes")] == [[], [], [], []]
    assert report["unchanged_count"] == len(read_bundle(files))
    assert unzip_bundle(superset.client().export_assets()).items() - {("metadata.yaml", "")} >= {
        (path, text) for path, text in unzip_bundle(before).items() if path != "metadata.yaml"
    }


def test_what_superset_exports_is_what_the_source_says(superset, files):
    exported = {
        str(content["uuid"]): content
        for path, text in unzip_bundle(superset.client().export_assets()).items()
        if path != "metadata.yaml"
        for content in [yaml.safe_load(text)]
    }
    sources = [yaml.safe_load(text) for path, text in files.items() if path != "metadata.yaml"]
    assert len(sources) > 10
    for source in sources:
        there = exported[str(source["uuid"])]
        for field in ("slice_name", "viz_type", "dataset_uuid", "table_name", "dashboard_title", "slug", "description"):
            assert there.get(field) == source.get(field), source["uuid"]
        for name, value in source.get("params", {}).items() if "viz_type" in source else ():
            if name != "datasource":
                assert there["params"][name] == value, (source["slice_name"], name)
        assert {column["column_name"] for column in there.get("columns", [])} == {
            column["column_name"] for column in source.get("columns", [])
        }


def test_a_chart_that_somebody_changed_is_found_and_mended(superset):
    client = superset.client()
    charts = ids(client, "chart", "slice_name")
    name, chart_id = sorted(charts.items())[0]
    client.session.put(client.address("chart", str(chart_id)), json={"slice_name": "changed by hand"})

    check = superset.run("publish", "--check", "--json")
    assert check.returncode == 4
    assert json.loads(check.stdout)["changed"] == [f"chart {name}"]
    assert "trailhouse publish" in check.stderr

    assert json.loads(superset.run("publish", "--json").stdout)["changed"] == [f"chart {name}"]
    assert superset.run("publish", "--check").returncode == 0
    assert ids(superset.client(), "chart", "slice_name") == charts


def test_what_the_source_no_longer_has_is_removed_and_the_work_of_others_stays(superset, files):
    client = superset.client()
    dataset_id = client.read_all("dataset", "id")[0]["id"]
    own = client.session.post(
        client.address("chart", ""),
        json={"slice_name": "mine", "viz_type": "table", "datasource_id": dataset_id, "datasource_type": "table"},
    ).json()["id"]
    client.session.post(client.address("dashboard", ""), json={"dashboard_title": "mine as well"})

    removed = next(path for path in files if path.startswith("dashboards/"))
    drift = publish_bundle(client, {path: text for path, text in files.items() if path != removed})
    assert [asset.key.kind for asset in drift.superfluous] == ["dashboards"]
    titles = ids(client, "dashboard", "dashboard_title")
    assert yaml.safe_load(files[removed])["dashboard_title"] not in titles
    assert "mine as well" in titles
    assert ids(client, "chart", "slice_name")["mine"] == own

    assert [asset.key.kind for asset in publish_bundle(client, files).missing] == ["dashboards"]
    assert find_drift(client, files).count == 0
    client.session.delete(client.address("chart", str(own)))
    client.session.delete(client.address("dashboard", str(titles["mine as well"])))


def test_secrets_are_readable_by_their_owner_alone_and_not_in_the_metadata(superset, workplace):
    directory = workplace.settings.superset_directory
    secrets = [directory / "secret.key", directory / "admin.password"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
    reader = (workplace.settings.warehouse_directory / "reader.password").read_bytes().strip()
    held = (directory / "metadata.db").read_bytes()
    assert reader not in held
    assert secrets[1].read_bytes().strip() not in held


def test_a_wrong_password_is_a_line_and_a_cure(superset):
    result = superset.workplace.run(
        "publish",
        TRAILHOUSE_SUPERSET_URL=superset.url,
        TRAILHOUSE_SUPERSET_PASSWORD="wrong",
    )
    assert result.returncode == 2
    assert "refused user 'admin'" in result.stderr
