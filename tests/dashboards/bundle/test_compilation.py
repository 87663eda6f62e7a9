"""Single charts, filters and texts compiled: what Superset is told about each."""

import json

import pytest

from trailhouse.dashboards.bundle.charts import compile_chart
from trailhouse.dashboards.bundle.check_declarations import find_chart_problems
from trailhouse.dashboards.bundle.dashboard_declaration import Chart, Dashboard, Filter, Folder, Metric, Section
from trailhouse.dashboards.bundle.filters import compile_cross_filters, compile_filter
from trailhouse.dashboards.bundle.marts import Column, Mart
from trailhouse.dashboards.bundle.page_style import count_lines, write_css_string

COLUMNS = {
    name: Column(name, data_type, "")
    for name, data_type in (("step", "Int64"), ("model_id", "String"), ("token_share", "Float64"), ("text", "String"))
}
MART = Mart("fct_a", "One row.", COLUMNS)
OTHER = Mart("fct_b", "One row.", {"step": COLUMNS["step"]})
MARTS = {"fct_a": MART, "fct_b": OTHER}
METRIC = Metric(label="Share", expression="avg(token_share)", format=".1%")
SECOND = Metric(label="Rows", expression="count()", format=",d")


def make_chart(kind, mart="fct_a", **fields) -> Chart:
    return Chart(title="T", explanation="A sentence that explains.", mart=mart, kind=kind, **fields)


def make_folder(charts, *filters) -> Folder:
    section = Section(title="S", rows=(dict.fromkeys(charts, 1),))
    return Folder("a", Dashboard(title="A", description="D", order=1, filters=filters, sections=(section,)), charts)


def compile_one(chart, *filters) -> tuple[dict, dict]:
    """Compile a chart, and return the data of its form and its query."""
    content = compile_chart(make_folder({"c": chart}, *filters), "c", MARTS[chart.mart])
    (query,) = json.loads(content["query_context"])["queries"]
    assert content["viz_type"] == content["params"]["viz_type"]
    return content["params"], query


def test_a_line_has_a_column_per_series_and_the_conditions_of_its_chart():
    line = make_chart(
        "line", x="step", metrics=(METRIC,), series=("model_id",), where=("step > 0", "model_id != 'a'"), row_limit=7
    )
    form, query = compile_one(line)
    assert [part["operation"] for part in query["post_processing"]] == ["pivot", "rename", "flatten"]
    assert query["columns"][0]["sqlExpression"] == "step"
    assert (query["columns"][1:], query["series_columns"]) == (["model_id"], ["model_id"])
    assert query["extras"]["where"] == "(step > 0) AND (model_id != 'a')"
    assert (query["row_limit"], form["row_limit"]) == (7, 7)
    assert [part["sqlExpression"] for part in form["adhoc_filters"]] == ["step > 0", "model_id != 'a'"]
    assert form["y_axis_format"] == ".1%"
    assert (form["show_legend"], form["markerEnabled"], form["xAxisForceCategorical"]) == (False, True, False)


@pytest.mark.parametrize(
    ("series", "metrics", "renames", "has_legend"),
    [
        ((), (METRIC,), False, False),
        (("model_id",), (METRIC, SECOND), False, True),
        ((), (METRIC, SECOND), False, True),
    ],
)
def test_series_are_renamed_only_for_a_single_metric(series, metrics, renames, has_legend):
    form, query = compile_one(make_chart("bar", x="step", metrics=metrics, series=series))
    assert ("rename" in [part["operation"] for part in query["post_processing"]]) is renames
    assert (form["show_legend"], form["markerEnabled"], form["xAxisForceCategorical"]) == (has_legend, False, True)


def test_logarithmic_axes_and_stacks_are_told_to_superset():
    form, _ = compile_one(make_chart("line", x="step", metrics=(METRIC,), is_x_logarithmic=True, is_stacked=True))
    assert ("type: 'log'" in form["echart_options"], form["logAxis"], form["truncateYAxis"]) == (True, False, False)
    form, _ = compile_one(make_chart("line", x="step", metrics=(METRIC,), is_y_logarithmic=True, y_title="Y"))
    assert ("type: 'log'" in form["echart_options"], form["logAxis"], form["truncateYAxis"], form["stack"]) == (
        False,
        True,
        True,
        None,
    )
    assert (form["y_axis_title_margin"] > 0, form["x_axis_title_margin"]) == (True, 0)


def test_an_axis_of_exponents_is_an_expression_with_the_title_of_the_axis_as_its_name():
    chart = make_chart("scatter", x="log10(step)", x_title="Steps", is_x_exponent=True, metrics=(METRIC,))
    form, query = compile_one(chart)
    assert form["x_axis"] == {"expressionType": "SQL", "label": "Steps", "sqlExpression": "log10(step)"}
    assert query["columns"] == [{**form["x_axis"], "columnType": "BASE_AXIS"}]
    assert query["post_processing"][0]["options"]["index"] == ["Steps"]
    assert "formatter: '10^{value}'" in form["echart_options"]
    assert [*find_chart_problems(chart, MARTS)] == []
    (problem,) = find_chart_problems(chart.model_copy(update={"x_title": ""}), MARTS)
    assert problem == "its x is an expression, and needs an x_title"


def test_a_table_of_rows_has_its_columns_order_and_formats():
    form, query = compile_one(
        make_chart("table", columns=("step", "token_share", "text"), order=("step desc", "text asc"))
    )
    assert query["columns"] == ["step", "token_share", "text"]
    assert query["orderby"] == [["step", False], ["text", True]]
    assert form["order_by_cols"] == ['["step", false]', '["text", true]']
    assert (form["query_mode"], form["allow_render_html"]) == ("raw", False)
    assert form["column_config"] == {
        "step": {"d3NumberFormat": ",d"},
        "token_share": {"d3NumberFormat": ".1%"},
    }


def test_a_table_of_metrics_is_grouped_and_sorted_by_the_first():
    form, query = compile_one(make_chart("table", series=("model_id",), metrics=(SECOND, METRIC)))
    assert query["columns"] == ["model_id"]
    assert [(metric["label"], is_ascending) for metric, is_ascending in query["orderby"]] == [("Rows", False)]
    assert (form["query_mode"], form["groupby"]) == ("aggregate", ["model_id"])
    assert form["column_config"] == {"Rows": {"d3NumberFormat": ",d"}, "Share": {"d3NumberFormat": ".1%"}}


def test_a_number_a_heatmap_and_a_template_ask_what_they_show():
    form, query = compile_one(make_chart("number", metrics=(METRIC,)))
    assert (query["columns"], form["metric"]["label"], form["y_axis_format"]) == ([], "Share", ".1%")
    form, query = compile_one(make_chart("heatmap", x="step", series=("model_id",), metrics=(METRIC,)))
    assert [part["operation"] for part in query["post_processing"]] == ["rank"]
    assert (form["x_axis"], form["groupby"]) == ("step", "model_id")
    form, query = compile_one(make_chart("template", columns=("text",), order=("step asc",), template="{{text}}"))
    assert (query["columns"], query["orderby"]) == (["text"], [["step", True]])
    assert (form["handlebarsTemplate"], form["styleTemplate"]) == ("{{text}}", "")


def make_filter(column="step", **fields) -> Filter:
    return Filter(name=f"By {column}", mart="fct_a", column=column, **fields)


def test_a_query_has_the_default_values_of_the_filters_that_apply():
    filters = (make_filter(default=(3,)), make_filter("model_id", default=("a", "b")), make_filter("text"))
    _, query = compile_one(make_chart("number", metrics=(METRIC,), ignores=("step",)), *filters)
    assert query["filters"] == [{"col": "model_id", "op": "IN", "val": ["a", "b"]}]
    _, query = compile_one(make_chart("number", mart="fct_b", metrics=(SECOND,)), *filters)
    assert query["filters"] == [{"col": "step", "op": "IN", "val": [3]}]


def test_a_filter_excludes_the_charts_that_ignore_it_or_lack_its_column():
    charts = {
        "applies": make_chart("number", metrics=(METRIC,)),
        "ignores": make_chart("number", metrics=(METRIC,), ignores=("model_id",)),
        "lacks": make_chart("number", mart="fct_b", metrics=(SECOND,)),
    }
    native = make_filter("model_id", is_first_chosen=True, is_descending=True, where=("step > 0",))
    content = compile_filter(make_folder(charts, native), native, {"applies": 1, "ignores": 2, "lacks": 3}, MARTS)
    assert content["scope"]["excluded"] == [2, 3]
    assert content["controlValues"]["sortAscending"] is False
    assert content["controlValues"]["defaultToFirstItem"] is content["requiredFirst"] is True
    assert [part["sqlExpression"] for part in content["adhoc_filters"]] == ["step > 0"]
    assert content["defaultDataMask"]["filterState"] == {}


def test_a_filter_with_a_default_shows_it_and_one_without_starts_empty():
    content = compile_filter(make_folder({}), make_filter(default=(3, 4), is_multiple=True), {}, MARTS)
    assert content["defaultDataMask"]["filterState"] == {"value": [3, 4], "label": "3, 4"}
    assert (content["controlValues"]["enableEmptyFilter"], content["controlValues"]["multiSelect"]) == (True, True)
    content = compile_filter(make_folder({}), make_filter(), {}, MARTS)
    assert (content["controlValues"]["enableEmptyFilter"], content["controlValues"]["multiSelect"]) == (False, False)
    assert "adhoc_filters" not in content


def test_a_click_filters_the_charts_that_do_not_ignore_a_shown_column():
    charts = {
        "table": make_chart("table", columns=("model_id", "step")),
        "passive": make_chart("table", columns=("text",), is_passive=True),
        "ignoring": make_chart("number", metrics=(METRIC,), ignores=("step",)),
        "plain": make_chart("line", x="step", series=("text",), metrics=(METRIC,)),
    }
    numbers = {"table": 1, "passive": 2, "ignoring": 3, "plain": 4}
    configuration = compile_cross_filters(make_folder(charts), numbers)
    excluded = {key: entry["crossFilters"]["scope"]["excluded"] for key, entry in configuration.items()}
    assert excluded == {"1": [1, 3], "2": [2, 1, 3, 4]}


@pytest.mark.parametrize(
    ("text", "width", "lines"), [("x", 12, 1), ("x" * 196, 12, 1), ("x" * 197, 12, 2), ("x" * 61, 4, 2)]
)
def test_an_explanation_has_room_for_its_lines(text, width, lines):
    assert count_lines(text, width) == lines


def test_no_text_ends_a_string_in_css():
    assert write_css_string('a"] {} \\') == '"a\\22 \\5d  \\7b \\7d  \\5c "'
