"""Which queries fill Superset's cache, against a stand-in for Superset."""

import json

import pytest

from tests.dashboards.publish.superset_stand_in import SupersetStandIn
from trailhouse.dashboards.publish.warming import find_opening_filters, warm_dashboards

SUITES = ["miniature", "opt-published"]


def native(name, column, *, default=(), is_first=False, parents=(), excluded=(), ascending=True, where=()):
    return {
        "id": name,
        "targets": [{"datasetUuid": "ours", "column": {"name": column}}],
        "controlValues": {"defaultToFirstItem": is_first, "sortAscending": ascending},
        "defaultDataMask": {
            "extraFormData": {"filters": [{"col": column, "op": "IN", "val": list(default)}]} if default else {}
        },
        "cascadeParentIds": list(parents),
        "adhoc_filters": [{"sqlExpression": condition} for condition in where],
        "scope": {"excluded": list(excluded)},
    }


@pytest.fixture
def superset():
    made = SupersetStandIn()
    made.lists = {
        "dataset": [
            {"id": 5, "uuid": "ours", "database": {"uuid": "db"}},
            {"id": 6, "uuid": "second", "database": {"uuid": "db"}},
            {"id": 7, "uuid": "elsewhere", "database": {"uuid": "other"}},
        ],
        "chart": [
            {"id": 1, "is_managed_externally": True, "datasource_id": 5},
            {"id": 2, "is_managed_externally": True, "datasource_id": 6},
            {"id": 3, "is_managed_externally": False, "datasource_id": 5},
            {"id": 4, "is_managed_externally": True, "datasource_id": 7},
        ],
        "dashboard": [
            {"id": 1, "dashboard_title": "Ours", "is_managed_externally": True},
            {"id": 2, "dashboard_title": "By hand", "is_managed_externally": False},
        ],
    }
    filters = [
        native("suite", "suite_id", is_first=True),
        native("model", "model_id", is_first=True, parents=["suite"], ascending=False, where=["step > 0"]),
        native("all", "corpus_id"),
        native("start", "start_percent", default=(10,), excluded=[2]),
    ]
    made.objects = {
        "dashboards/1": {"json_metadata": {"native_filter_configuration": filters}},
        "dashboard/1/charts": [{"id": number, "slice_name": f"chart {number}"} for number in (1, 2, 3, 4)],
        "dashboard/2/charts": [{"id": 1, "slice_name": "chart 1"}],
    }
    for number in (1, 2):
        query = {"columns": [f"of {number}"], "filters": ["replaced"]}
        made.objects[f"chart/{number}"] = {"query_context": json.dumps({"queries": [query], "force": False})}
    made.answers["chart/data"] = answer
    return made


def answer(context):
    """Answer as Superset would: chart 1 gets one row, chart 2 gets an error, and a filter gets its first value."""
    (column,) = context["queries"][0]["columns"]
    if column == "of 2":
        return {"result": [{"error": "no such\n  column"}]}
    return {"result": [{"error": None, "data": [{column: SUITES[0] if column == "suite_id" else f"first {column}"}]}]}


def asked(superset):
    return [body for kind, url, body in superset.changes if url == "chart/data"]


def test_every_published_chart_runs_with_the_filters_of_its_opening(superset):
    steps = []
    result = warm_dashboards(superset, "db", lambda *step: steps.append(step))
    assert superset.changes[0] == ("post", "cachekey/invalidate", {"datasource_uids": ["5__table", "6__table"]})
    suite = {"col": "suite_id", "op": "IN", "val": ["miniature"]}
    model = {"col": "model_id", "op": "IN", "val": ["first model_id"]}
    start = {"col": "start_percent", "op": "IN", "val": [10]}
    charts = [(body["queries"][0]["columns"], body["queries"][0]["filters"]) for body in asked(superset)[2:]]
    assert charts == [(["of 1"], [suite, model, start]), (["of 2"], [suite, model])]
    assert all(body["force"] is True for body in asked(superset)[2:])
    assert steps == [(0, 2, "chart 1"), (1, 2, "chart 2"), (2, 2, "")]
    assert result.chart_count == 2
    assert [(failure.dashboard, failure.chart, failure.reason) for failure in result.failures] == [
        ("Ours", "chart 2", "no such column")
    ]


def test_the_first_value_of_a_filter_is_asked_as_superset_s_page_asks_for_it(superset):
    find_opening_filters(superset, 1, {"ours": 5})
    first, second = (body["queries"][0] for body in asked(superset))
    assert asked(superset)[0]["datasource"] == {"id": 5, "type": "table"}
    assert (first["orderby"], first["filters"], first["row_limit"]) == ([["suite_id", True]], [], 1)
    assert (second["orderby"], second["extras"]["where"]) == ([["model_id", False]], "(step > 0)")
    assert second["filters"] == [{"col": "suite_id", "op": "IN", "val": ["miniature"]}]


def test_a_filter_without_values_is_left_out_and_narrows_nothing(superset):
    superset.answers["chart/data"] = lambda context: {
        "result": [{"data": [] if context["queries"][0]["columns"] == ["suite_id"] else [{"model_id": "m"}]}]
    }
    opening = find_opening_filters(superset, 1, {"ours": 5})
    assert [native.clause["col"] for native in opening] == ["model_id", "start_percent"]
    assert [sorted(native.excluded_charts) for native in opening] == [[], [2]]
    assert asked(superset)[1]["queries"][0]["filters"] == []
