"""Compile a chart to its form data, from which Superset draws the chart, and to its query on the mart.

In the browser, Superset makes an equal query from the form data when a dashboard is opened. So the dashboard can show
results that the compiled query has put in Superset's cache.
"""

from __future__ import annotations

import json

from trailhouse.dashboards.bundle.bands import write_expression
from trailhouse.dashboards.bundle.dashboard_declaration import Chart, Filter, Folder, Metric
from trailhouse.dashboards.bundle.forms import compile_form
from trailhouse.dashboards.bundle.identity import make_key, make_uuid
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.queries import compile_query
from trailhouse.dashboards.bundle.superset_document import VERSION, Document


def compile_chart(folder: Folder, key: str, mart: Mart) -> Document:
    """Return the content of a chart's file. The chart's query uses the default values of the dashboard's filters."""
    chart = folder.charts[key]
    metrics = [compile_metric(metric, chart) for metric in chart.metrics]
    form = compile_form(chart, mart, metrics)
    query_context = {
        "datasource": {"id": 0, "type": "table"},  # at import, Superset replaces 0 by the id of the dataset
        "force": False,
        "queries": [compile_query(chart, metrics) | {"filters": compile_default_filters(folder, chart, mart)}],
        "form_data": {**form, "datasource": "0__table"},
        "result_format": "json",
        "result_type": "full",
    }
    return {
        "slice_name": chart.title,
        "description": chart.description,
        "certified_by": None,
        "certification_details": None,
        "viz_type": form["viz_type"],
        "params": form,
        "query_context": json.dumps(query_context, ensure_ascii=False, sort_keys=True),
        "cache_timeout": None,
        "uuid": make_uuid("chart", folder.name, key),
        "version": VERSION,
        "dataset_uuid": make_uuid("dataset", chart.mart),
    }


def compile_default_filters(folder: Folder, chart: Chart, mart: Mart) -> list[Document]:
    """Return a query clause for each filter that applies to the chart and has a default value."""
    return [
        {"col": native.column, "op": "IN", "val": list(native.default)}
        for native in folder.dashboard.filters
        if native.default and is_filtered(chart, native, mart)
    ]


def is_filtered(chart: Chart, native: Filter, mart: Mart) -> bool:
    """Return whether a filter applies to a chart.

    A filter applies if the chart's mart has the filter's column and the chart does not ignore this column.
    """
    return native.column in mart.columns and native.column not in chart.ignores


def compile_metric(metric: Metric, chart: Chart) -> Document:
    """Return a metric as the JSON object with which Superset stores a metric that is defined in SQL."""
    expression = write_expression(chart, metric.expression)
    return {
        "expressionType": "SQL",
        "sqlExpression": expression,
        "label": metric.label,
        "hasCustomLabel": True,
        "optionName": make_key("metric", chart.mart, metric.label, expression).replace("-", "_"),
    }
