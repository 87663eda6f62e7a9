"""What Superset holds compared with the source, without a server: numbers of one installation mean nothing."""

import json
from pathlib import Path

import pytest
import yaml

from trailhouse.dashboards.bundle.bundle import ASSETS, compile_bundle
from trailhouse.dashboards.publish.assets import read_bundle

DBT_MODELS = Path(__file__).parents[2] / "dbt" / "models"
INSPECTOR = "dashboards/inspector.yaml"


@pytest.fixture(scope="module")
def files():
    return compile_bundle(ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w")


def renumber(dashboard: dict, number) -> dict:
    """The dashboard as an installation exports it that gave its charts other numbers."""
    dashboard = json.loads(json.dumps(dashboard))
    for block in dashboard["position"].values():
        if isinstance(block, dict) and "chartId" in block.get("meta", {}):
            block["meta"]["chartId"] = number(block["meta"]["chartId"])
    metadata = dashboard["metadata"]
    scopes = [native["scope"] for native in metadata["native_filter_configuration"]]
    scopes += [entry["crossFilters"]["scope"] for entry in metadata["chart_configuration"].values()]
    for scope in scopes:
        scope["excluded"] = sorted(map(number, scope["excluded"]))
    metadata["chart_configuration"] = {
        str(number(int(key))): {**entry, "id": number(int(key))}
        for key, entry in metadata["chart_configuration"].items()
    }
    return dashboard


def read_content(files: dict, dashboard: dict):
    key = next(key for key in read_bundle({INSPECTOR: files[INSPECTOR]}))
    return read_bundle({**files, INSPECTOR: yaml.safe_dump(dashboard)})[key].content


def test_cross_filters_are_the_same_under_other_numbers_and_with_what_superset_adds(files):
    source = yaml.safe_load(files[INSPECTOR])
    exported = renumber(source, lambda number: 1000 - number)
    configuration = exported["metadata"]["chart_configuration"]
    for entry in configuration.values():
        entry["crossFilters"]["chartsInScope"] = [1, 2]
    (unscoped, *_) = {1000 - n for n in range(1, 10)} - set(map(int, configuration))
    configuration[str(unscoped)] = {"id": unscoped, "crossFilters": {"scope": "global", "chartsInScope": [1]}}
    configuration["77777"] = {"id": 77777, "crossFilters": {"scope": {"rootPath": ["ROOT_ID"], "excluded": [77777]}}}
    everything = {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": [1, 2]}
    exported["metadata"]["global_chart_configuration"] = everything
    assert read_content(files, exported) == read_content(files, source)


@pytest.mark.parametrize("change", ["one chart less is left alone", "scope gone", "all gone", "changed for all"])
def test_a_dashboard_that_differs_only_in_its_cross_filters_differs(files, change):
    source = yaml.safe_load(files[INSPECTOR])
    changed = renumber(source, lambda number: 1000 - number)
    metadata = changed["metadata"]
    key = next(iter(metadata["chart_configuration"]))
    if change == "one chart less is left alone":
        metadata["chart_configuration"][key]["crossFilters"]["scope"]["excluded"].pop()
    elif change == "scope gone":
        metadata["chart_configuration"][key]["crossFilters"]["scope"] = "global"
    elif change == "all gone":
        metadata["chart_configuration"] = {}
    else:
        metadata["global_chart_configuration"] = {"scope": {"rootPath": ["ROOT_ID"], "excluded": [int(key)]}}
    assert read_content(files, changed) != read_content(files, source)
