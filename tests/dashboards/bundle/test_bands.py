"""Intervals that line charts draw as bands: the rows that Superset gets for them, from the engine itself."""

import json
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from trailhouse.dashboards.bundle.bands import NAMES, write_names
from trailhouse.dashboards.bundle.charts import compile_chart
from trailhouse.dashboards.bundle.check_declarations import find_chart_problems
from trailhouse.dashboards.bundle.dashboard_declaration import Band, Chart, Dashboard, Folder, Metric, Section
from trailhouse.dashboards.bundle.datasets import compile_dataset
from trailhouse.dashboards.bundle.filters import compile_cross_filters
from trailhouse.dashboards.bundle.marts import Column, Mart
from trailhouse.warehouse.connection import connect

COLUMNS = {name: Column(name, "Float64", "") for name in ("model_id", "start", "share", "share_lower", "share_upper")}
MART = Mart("fct_share", "One row per model and start.", COLUMNS)
ROWS = {("a", 0): (0.5, 0.25, 0.75), ("a", 10): (0.25, 0.125, 0.5), ("b", 0): (1.0, None, None)}


def make_chart(**fields) -> Chart:
    shown = {
        "title": "T",
        "explanation": "A sentence that explains.",
        "mart": "fct_share",
        "kind": "line",
        "x": "start",
        "metrics": (Metric(label="Share", expression="avg(share)"),),
        "series": ("model_id",),
        "band": Band(lower="avg(share_lower)", upper="avg(share_upper)"),
    }
    return Chart(**{**shown, **fields})


def compile_one(chart: Chart) -> tuple[dict, dict]:
    """Compile a chart, and return its form and its query."""
    section = Section(title="S", rows=({"c": 1},))
    folder = Folder("a", Dashboard(title="A", description="D", order=1, filters=(), sections=(section,)), {"c": chart})
    content = compile_chart(folder, "c", MART)
    return content["params"], json.loads(content["query_context"])["queries"][0]


@pytest.fixture
def client(address) -> Iterator[Client]:
    """A client of a database that has the mart as a table."""
    with connect(address) as client:
        client.command(
            "create table fct_share (model_id String, start UInt8, share Float64, share_lower Nullable(Float64),"
            " share_upper Nullable(Float64)) order by ()"
        )
        client.insert("fct_share", [(*key, *values) for key, values in ROWS.items()])
        yield client


def test_each_model_has_a_line_both_bounds_and_points(client):
    _, query = compile_one(make_chart())
    names = write_names()
    answer = client.query(
        f"select start, {names} as {NAMES}, {query['metrics'][0]['sqlExpression']} as value from fct_share"
        f" group by start, {names}"
    )
    expected = {}
    for (model, start), (share, lower, upper) in ROWS.items():
        expected |= {(start, model): share, (start, f"{model}__yhat"): share}
        expected |= {(start, f"{model}__yhat_lower"): lower, (start, f"{model}__yhat_upper"): upper}
    assert {(start, name): value for start, name, value in answer.result_rows} == expected


def test_a_click_on_a_line_chooses_the_rows_of_its_model(client):
    chosen = client.query(f"select model_id, start from fct_share where {write_names()} in ('a__yhat') order by all")
    assert chosen.result_rows == [("a", 0), ("a", 10)]


def test_the_form_and_the_query_group_by_the_names_on_an_axis_with_categories():
    names = [{"expressionType": "SQL", "label": NAMES, "sqlExpression": write_names()}]
    form, query = compile_one(make_chart())
    assert (form["groupby"], query["columns"][1:], query["series_columns"]) == (names, names, names)
    assert query["post_processing"][0]["options"]["columns"] == [NAMES]
    assert form["xAxisForceCategorical"]
    assert form["metrics"] == query["metrics"]
    form, query = compile_one(make_chart(band=None))
    assert (form["groupby"], form["xAxisForceCategorical"]) == (["model_id"], False)
    assert query["metrics"][0]["sqlExpression"] == "avg(share)"


def test_a_dataset_has_the_columns_of_its_mart_only():
    assert [column["column_name"] for column in compile_dataset(MART, "db")["columns"]] == [*COLUMNS]


def test_a_click_on_a_line_with_a_band_filters_charts_with_bands_only():
    charts = {"band": make_chart(), "other": make_chart(title="O"), "plain": make_chart(title="P", band=None)}
    section = Section(title="S", rows=({"band": 4, "other": 4, "plain": 4},))
    folder = Folder("a", Dashboard(title="A", description="D", order=1, filters=(), sections=(section,)), charts)
    configuration = compile_cross_filters(folder, {"band": 1, "other": 2, "plain": 3})
    assert {key: entry["crossFilters"]["scope"]["excluded"] for key, entry in configuration.items()} == {
        "1": [1, 3],
        "2": [2, 3],
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "scatter"},
        {"series": ()},
        {"metrics": (Metric(label="A", expression="avg(share)"), Metric(label="B", expression="max(share)"))},
    ],
)
def test_a_band_needs_a_line_chart_with_one_metric_and_one_line_per_model(fields):
    (problem,) = find_chart_problems(make_chart(**fields), {"fct_share": MART})
    assert problem.startswith("a band needs a line chart")


def test_the_columns_of_a_band_must_exist():
    chart = make_chart(band=Band(lower="avg(lowest)", upper="avg(share_upper)"))
    assert [*find_chart_problems(chart, {"fct_share": MART})] == ["fct_share has no column lowest"]
