"""Publishing to a real Superset: assets are imported, compared, restored and deleted; other people's assets stay."""

import json
import signal
import stat
import subprocess
import threading
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.faulty_proxy import FaultyProxy
from trailhouse.dashboards.publish.normalised_assets import read_bundle, unzip_bundle
from trailhouse.dashboards.publish.publication import find_drift, publish_bundle
from trailhouse.flows.publish_dashboards import compile_assets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(workplace):
    return compile_assets(workplace.settings)


def ids(client, resource, name_column):
    return {row[name_column]: row["id"] for row in client.read_all(resource, f"id,{name_column}")}


@pytest.mark.proves_reliability(table="Reliability", row="publish twice", ci=1, release=1, count=1)
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


def test_samples_of_every_dataset_are_shown(superset):
    session = superset.api()
    datasets = superset.client().read_all("dataset", "id,table_name")
    assert len(datasets) > 30
    for dataset in datasets:
        body = {
            "datasource": {"id": dataset["id"], "type": "table"},
            "queries": [{"columns": [], "metrics": [], "row_limit": 5}],
            "result_type": "samples",
        }
        answer = session.post(f"{superset.url}/api/v1/chart/data", json=body, timeout=60)
        assert answer.status_code == 200, (dataset["table_name"], answer.text)


@pytest.mark.proves_reliability(table="Reliability", row="kill -9 of a publication", ci=2, release=2, count=1)
@pytest.mark.parametrize("moment", ["while Superset imports", "before the cache is warm"])
def test_a_publication_that_was_killed_is_completed_by_the_next(superset, files, moment):
    client = superset.client()
    before = ids(client, "chart", "slice_name")
    chart_id = before[min(before)]
    client.put(client.find_url("chart", str(chart_id)), json={"slice_name": "changed by hand"})
    has_imported = False
    victim: list[subprocess.Popen] = []

    def kill_at(_: int, text: bytes) -> str:
        nonlocal has_imported
        is_import = b"/assets/import" in text.partition(b"\n")[0]
        if is_import and moment == "while Superset imports":
            threading.Timer(0.3, victim[0].kill).start()
        elif has_imported and not is_import:
            victim[0].kill()
            return "reset"
        has_imported |= is_import
        return ""

    address = urlsplit(superset.url)
    with FaultyProxy((address.hostname, address.port), kill_at) as proxy:
        variables = {
            "TRAILHOUSE_SUPERSET_URL": f"http://127.0.0.1:{proxy.port}",
            "TRAILHOUSE_SUPERSET_PASSWORD": superset.password,
        }
        victim.append(superset.workplace.start("publish", **variables))
        assert victim[0].wait(300) == -signal.SIGKILL
    assert has_imported
    assert superset.run("publish").returncode == 0
    assert find_drift(superset.client(), files).count == 0
    assert ids(superset.client(), "chart", "slice_name") == before


def test_superset_exports_what_is_declared(superset, files):
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


def test_a_chart_changed_by_hand_is_found_and_restored(superset):
    client = superset.client()
    charts = ids(client, "chart", "slice_name")
    name, chart_id = sorted(charts.items())[0]
    client.put(client.find_url("chart", str(chart_id)), json={"slice_name": "changed by hand"})

    check = superset.run("publish", "--check", "--json")
    assert check.returncode == 4
    assert json.loads(check.stdout)["changed"] == [f"chart {name}"]
    assert "trailhouse publish" in check.stderr

    assert json.loads(superset.run("publish", "--json").stdout)["changed"] == [f"chart {name}"]
    assert superset.run("publish", "--check").returncode == 0
    assert ids(superset.client(), "chart", "slice_name") == charts


def test_assets_that_are_no_longer_declared_are_deleted_and_those_of_others_stay(superset, files):
    client = superset.client()
    dataset_id = client.read_all("dataset", "id")[0]["id"]
    own = client.post(
        client.find_url("chart", ""),
        json={"slice_name": "mine", "viz_type": "table", "datasource_id": dataset_id, "datasource_type": "table"},
    ).json()["id"]
    client.post(client.find_url("dashboard", ""), json={"dashboard_title": "mine as well"})

    removed = next(path for path in files if path.startswith("dashboards/"))
    drift = publish_bundle(client, {path: text for path, text in files.items() if path != removed})
    assert [asset.key.kind for asset in drift.superfluous] == ["dashboards"]
    titles = ids(client, "dashboard", "dashboard_title")
    assert yaml.safe_load(files[removed])["dashboard_title"] not in titles
    assert "mine as well" in titles
    assert ids(client, "chart", "slice_name")["mine"] == own

    assert [asset.key.kind for asset in publish_bundle(client, files).missing] == ["dashboards"]
    assert find_drift(client, files).count == 0
    client.delete(client.find_url("chart", str(own)))
    client.delete(client.find_url("dashboard", str(titles["mine as well"])))


def test_secrets_are_readable_by_their_owner_only_and_not_in_the_metadata(superset, workplace):
    directory = workplace.settings.superset_directory
    secrets = [directory / "secret.key", directory / "admin.password"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
    reader = (workplace.settings.warehouse_directory / "reader.password").read_bytes().strip()
    held = (directory / "metadata.db").read_bytes()
    assert reader not in held
    assert secrets[1].read_bytes().strip() not in held


def test_a_wrong_password_exits_with_2_and_names_the_user(superset):
    result = superset.workplace.run(
        "publish",
        TRAILHOUSE_SUPERSET_URL=superset.url,
        TRAILHOUSE_SUPERSET_PASSWORD="wrong",
    )
    assert result.returncode == 2
    assert "refused user 'admin'" in result.stderr
