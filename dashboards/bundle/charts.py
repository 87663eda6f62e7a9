"""Charts: the form that Superset draws a chart from, and the query it asks; both say the same.

The query is what Superset's own pages would ask for the form, so that what is warmed is what is found in the cache.
"""

from __future__ import annotations

import json
from typing import Any

from trailhouse.dashboards.bundle.dashboard_declaration import Chart, Filter, Folder, Metric
from trailhouse.dashboards.bundle.datasets import VERSION
from trailhouse.dashboards.bundle.forms import compile_form
from trailhouse.dashboards.bundle.identity import make_key, make_uuid
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.queries import compile_query


def compile_chart(folder: Folder, key: str, mart: Mart) -> dict[str, Any]:
    """One chart of a dashboard's folder; its query is what the dashboard asks before a person chooses anything."""
    chart = folder.charts[key]
    metrics = [compile_metric(metric, chart.mart) for metric in chart.metrics]
    form = compile_form(chart, mart, metrics)
    query_context = {
        "datasource": {"id": 0, "type": "table"},  # the importer puts the dataset's number in
        "force": False,
        "queries": [compile_query(chart, metrics) | {"filters": compile_defaults(folder, chart, mart)}],
        "form_data": {**form, "datasource": "0__table"},
        "result_format": "json",
        "result_type": "full",
    }
    return {
        "slice_name": chart.title,
        "description": chart.explanation,
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


def compile_defaults(folder: Folder, chart: Chart, mart: Mart) -> list[dict[str, Any]]:
    """The values that filters have from the start, where they apply to the chart."""
    return [
        {"col": native.column, "op": "IN", "val": list(native.default)}
        for native in folder.dashboard.filters
        if native.default and is_filtered(chart, native, mart)
    ]


def is_filtered(chart: Chart, native: Filter, mart: Mart) -> bool:
    """Whether a filter applies to a chart: its mart has the column, and the chart does not ignore it."""
    return native.column in mart.columns and native.column not in chart.ignores


def compile_metric(metric: Metric, mart: str) -> dict[str, Any]:
    """A metric of the chart itself, in SQL."""
    return {
        "expressionType": "SQL",
        "sqlExpression": metric.expression,
        "label": metric.label,
        "hasCustomLabel": True,
        "optionName": make_key("metric", mart, metric.label, metric.expression).replace("-", "_"),
    }
