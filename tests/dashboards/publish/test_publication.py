"""What publishing imports and deletes, and whose assets it leaves alone, without a Superset."""

import pytest
import yaml

from tests.dashboards.publish.superset_stand_in import SupersetStandIn
from trailhouse.dashboards.publish.normalised_assets import AssetKey, unzip_bundle, zip_bundle
from trailhouse.dashboards.publish.publication import find_drift, find_owned, publish_bundle

NAME_FIELDS = {
    "databases": "database_name",
    "datasets": "table_name",
    "charts": "slice_name",
    "dashboards": "dashboard_title",
}


def write_asset(kind, uuid, **fields) -> tuple[str, str]:
    content = {"uuid": uuid, NAME_FIELDS[kind]: f"name of {uuid}", **fields}
    if kind == "dashboards":
        content |= {"position": {"ROOT_ID": {"type": "ROOT"}}}
    return f"{kind}/{uuid}.yaml", yaml.safe_dump(content)


FILES = dict([write_asset("databases", "db"), write_asset("datasets", "ours"), write_asset("charts", "chart")])
FILES |= dict([write_asset("dashboards", "board")])


@pytest.fixture
def superset():
    """Our assets, a dataset, chart and dashboard of ours that are no longer declared, and assets of other people."""
    made = SupersetStandIn()
    made.lists = {
        "database": [{"id": 1, "uuid": "db"}, {"id": 2, "uuid": "other db"}],
        "dataset": [
            {"id": 1, "uuid": "ours", "database": {"id": 1}},
            {"id": 2, "uuid": "old", "database": {"id": 1}},
            {"id": 3, "uuid": "by hand", "database": {"id": 1}},
            {"id": 4, "uuid": "elsewhere", "database": {"id": 2}},
        ],
        "chart": [
            {"id": 1, "uuid": "chart", "is_managed_externally": True, "datasource_id": 1},
            {"id": 2, "uuid": "old chart", "is_managed_externally": True, "datasource_id": 2},
            {"id": 3, "uuid": "chart by hand", "is_managed_externally": False, "datasource_id": 1},
            {"id": 4, "uuid": "chart elsewhere", "is_managed_externally": True, "datasource_id": 4},
        ],
        "dashboard": [
            {"id": 1, "uuid": "board", "is_managed_externally": True},
            {"id": 2, "uuid": "old board", "is_managed_externally": True},
            {"id": 3, "uuid": "board by hand", "is_managed_externally": False},
            {"id": 4, "uuid": "mixed board", "is_managed_externally": True},
            {"id": 5, "uuid": "empty board", "is_managed_externally": True},
        ],
    }
    made.objects = {
        "dataset/2": {"is_managed_externally": True},
        "dataset/3": {"is_managed_externally": False},
        "dashboard/1/charts": [{"id": 1}],
        "dashboard/2/charts": [{"id": 1}, {"id": 2}],
        "dashboard/4/charts": [{"id": 1}, {"id": 4}],
        "dashboard/5/charts": [],
    }
    others = [
        write_asset("datasets", "old"),
        write_asset("charts", "old chart"),
        write_asset("dashboards", "old board"),
    ]
    made.export = zip_bundle({**FILES, **dict(others)})
    return made


def test_ours_are_the_assets_that_are_managed_and_on_our_database(superset):
    owned = find_owned(superset, {AssetKey("databases", "db"), AssetKey("datasets", "ours")})
    assert {(key.kind, key.uuid) for key in owned} == {
        ("databases", "db"),
        ("datasets", "ours"),
        ("datasets", "old"),
        ("charts", "chart"),
        ("charts", "old chart"),
        ("dashboards", "board"),
        ("dashboards", "old board"),
    }


def test_what_is_gone_is_deleted_dashboards_first_and_nothing_is_imported(superset):
    drift = publish_bundle(superset, FILES)
    assert (drift.missing, drift.changed, drift.unchanged_count, drift.count) == ((), (), 4, 3)
    assert superset.changes == [("delete", "dashboards", 2), ("delete", "charts", 2), ("delete", "datasets", 2)]


def test_a_missing_and_a_changed_asset_are_imported_with_all_others(superset):
    present = {path: text for path, text in FILES.items() if path != "datasets/ours.yaml"}
    present["charts/chart.yaml"] = write_asset("charts", "chart", description="by hand")[1]
    superset.export = zip_bundle(present)
    drift = publish_bundle(superset, FILES)
    assert ([asset.name for asset in drift.missing], [asset.name for asset in drift.changed]) == (
        ["name of ours"],
        ["name of chart"],
    )
    (change,) = superset.changes
    imported = {path: yaml.safe_load(text) for path, text in unzip_bundle(change[1]).items()}
    assert set(imported) == set(FILES)
    assert all(content["is_managed_externally"] for content in imported.values())


def test_an_asset_that_is_no_longer_managed_counts_as_changed(superset):
    superset.lists["chart"][0]["is_managed_externally"] = False
    superset.lists["dashboard"] = superset.lists["dashboard"][:1]
    drift = find_drift(superset, FILES)
    assert [asset.name for asset in drift.changed] == ["name of chart", "name of board"]
    assert drift.unchanged_count == 2
    assert superset.changes == []
