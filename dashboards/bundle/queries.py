"""Compile the query of a chart. In the browser, Superset makes an equal query from the chart's form data."""

from __future__ import annotations

from trailhouse.dashboards.bundle.bands import list_series, list_series_labels
from trailhouse.dashboards.bundle.dashboard_declaration import Chart
from trailhouse.dashboards.bundle.forms import read_order
from trailhouse.dashboards.bundle.links import compile_columns
from trailhouse.dashboards.bundle.superset_document import Document


def compile_query(chart: Chart, metrics: list[Document]) -> Document:
    """Return the query of a chart of any kind (line, scatter, bar, table, number, heatmap or template)."""
    shared: Document = {
        "extras": {"having": "", "where": " AND ".join(f"({condition})" for condition in chart.where)},
        "applied_time_extras": {},
        "annotation_layers": [],
        "row_limit": chart.row_limit,
        "series_limit": 0,
        "group_others_when_limit_reached": False,
        "order_desc": True,
        "url_params": {},
        "custom_params": {},
        "custom_form_data": {},
    }
    if chart.kind in ("line", "scatter", "bar"):
        return shared | compile_series_query(chart, metrics)
    if chart.kind == "heatmap":
        return shared | compile_heatmap_query(chart, metrics)
    if chart.kind == "number":
        return shared | {"columns": [], "metrics": metrics}
    if metrics:
        return shared | {
            "columns": list(chart.series),
            "metrics": metrics,
            "orderby": [[metrics[0], False]],
            "post_processing": [],
            "time_offsets": [],
        }
    rows = {
        "columns": compile_columns(chart.columns),
        "orderby": [[column, is_ascending] for column, is_ascending in read_order(chart)],
    }
    return shared | rows | ({} if chart.kind == "template" else {"post_processing": [], "time_offsets": []})


def axis_column(chart: Chart) -> Document:
    """Return the column that a chart's horizontal axis shows, in the notation of Superset's queries."""
    column = {"columnType": "BASE_AXIS", "sqlExpression": chart.x, "label": chart.x_name, "expressionType": "SQL"}
    return column | ({"isColumnReference": True} if chart.is_x_column else {})


def compile_series_query(chart: Chart, metrics: list[Document]) -> Document:
    """Return the fields that a line, scatter or bar chart adds to its query.

    These fields make Superset pivot the rows. Each combination of values of the series columns then becomes a column.
    """
    series = list_series(chart)
    labels = [metric["label"] for metric in metrics]
    pivot = {
        "operation": "pivot",
        "options": {
            "index": [chart.x_name],
            "columns": list_series_labels(chart),
            "drop_missing_columns": False,
            "aggregates": {label: {"operator": "mean"} for label in labels},
        },
    }
    rename = {"operation": "rename", "options": {"columns": {labels[0]: None}, "level": 0, "inplace": True}}
    has_one_metric_in_series = bool(series) and len(labels) == 1
    return {
        "columns": [axis_column(chart), *series],
        "metrics": metrics,
        "orderby": [[metrics[0], False]],
        "series_columns": series,
        "time_offsets": [],
        "post_processing": [pivot, *([rename] if has_one_metric_in_series else []), {"operation": "flatten"}],
    }


def compile_heatmap_query(chart: Chart, metrics: list[Document]) -> Document:
    """Return the fields that a heatmap adds to its query.

    These fields make Superset select one number per cell and rank the numbers. The rank determines the cell's shade.
    They are written as a page writes them, so that the page finds the result in the cache.
    """
    rank = {"operation": "rank", "options": {"metric": metrics[0]["label"]}}
    return {
        "columns": [axis_column(chart), chart.series[0]],
        "metrics": metrics,
        "orderby": [[chart.x, True], [chart.series[0], True]],
        "post_processing": [rank],
    }
