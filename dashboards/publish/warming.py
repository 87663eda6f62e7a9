"""Empty the cache of chart results after the marts changed, and fill it before a user opens a dashboard.

Some filters have no fixed default. When a user opens a dashboard, such a filter is set to the first value that it
offers, for example to the first suite. Superset's own warm-up ignores these filters, so it caches the results of
queries that no page sends. This module instead runs the queries that a dashboard sends when it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trailhouse.dashboards.publish.client import PublishingClient, Row
from trailhouse.errors import BadInputError, UnreachableError

Clause = dict[str, Any]
"""A filter clause of a query: column, operator and values."""


@dataclass(frozen=True)
class ChartFailure:
    """A chart whose query failed, with the message of the warehouse or of Superset."""

    dashboard: str
    chart: str
    reason: str


@dataclass(frozen=True)
class WarmUp:
    """The number of charts whose queries were run, and the charts whose queries failed."""

    chart_count: int
    failures: tuple[ChartFailure, ...]


@dataclass(frozen=True)
class OpeningFilter:
    """A filter that has a value when its dashboard is opened, and the ids of the charts that it does not filter."""

    clause: Clause
    excluded_charts: frozenset[int]


@dataclass(frozen=True)
class DashboardChart:
    """A chart on a dashboard: the ids and the titles of the chart and of the dashboard."""

    dashboard_id: int
    dashboard: str
    chart_id: int
    chart: str


def warm_dashboards(
    client: PublishingClient, database_uuid: str, report: Callable[[int, int, str], None] = lambda *_: None
) -> WarmUp:
    """Empty the cache of Trailhouse's datasets, and then run every chart of every dashboard that Trailhouse published.

    ``report`` is called with the number of finished charts, the number of all charts, and the title of the next chart.
    """
    datasets = {
        row["uuid"]: int(row["id"])
        for row in client.read_all("dataset", "id,uuid,database.uuid")
        if row["database"]["uuid"] == database_uuid
    }
    body = {"datasource_uids": [f"{dataset}__table" for dataset in sorted(datasets.values())]}
    client.post(client.find_url("cachekey/invalidate"), json=body)
    charts = list_charts(client, set(datasets.values()))
    filters: dict[int, list[OpeningFilter]] = {}
    failures = []
    for index, chart in enumerate(charts):
        report(index, len(charts), chart.chart)
        try:
            if chart.dashboard_id not in filters:
                filters[chart.dashboard_id] = find_opening_filters(client, chart.dashboard_id, datasets)
            opening = filters[chart.dashboard_id]
            clauses = [native.clause for native in opening if chart.chart_id not in native.excluded_charts]
            warm_chart(client, chart.chart_id, clauses)
        except (BadInputError, UnreachableError) as error:
            failures.append(ChartFailure(chart.dashboard, chart.chart, error.message))
    report(len(charts), len(charts), "")
    return WarmUp(len(charts), tuple(failures))


def list_charts(client: PublishingClient, datasets: set[int]) -> list[DashboardChart]:
    """Return the charts that read ``datasets``. A chart is returned once for each dashboard that shows it.

    Only charts and dashboards that Superset marks as managed externally are returned.
    """
    owned = {
        row["id"]
        for row in client.read_all("chart", "id,is_managed_externally,datasource_id")
        if row["is_managed_externally"] and row["datasource_id"] in datasets
    }
    return [
        DashboardChart(dashboard["id"], dashboard["dashboard_title"], chart["id"], chart["slice_name"])
        for dashboard in client.read_all("dashboard", "id,dashboard_title,is_managed_externally")
        if dashboard["is_managed_externally"]
        for chart in client.read("dashboard", dashboard["id"], "charts")["result"]
        if chart["id"] in owned
    ]


def find_opening_filters(
    client: PublishingClient, dashboard_id: int, datasets: Mapping[str, int]
) -> list[OpeningFilter]:
    """Return the filters that have a value when a dashboard is opened, in the dashboard's order.

    ``datasets`` maps the UUIDs of Trailhouse's datasets to their ids.
    """
    metadata = client.dashboards.get(dashboard_id).json_metadata
    found: dict[str, Clause] = {}
    opening = []
    for native in metadata.get("native_filter_configuration", []):
        given = native.get("defaultDataMask", {}).get("extraFormData", {}).get("filters", [])
        if given:
            clause = given[0]
        elif native.get("controlValues", {}).get("defaultToFirstItem"):
            parents = [found[parent] for parent in native.get("cascadeParentIds", []) if parent in found]
            value = find_first_value(client, native, parents, datasets)
            if value is None:
                continue
            clause = {"col": native["targets"][0]["column"]["name"], "op": "IN", "val": [value]}
        else:
            continue
        found[native["id"]] = clause
        opening.append(OpeningFilter(clause, frozenset(native["scope"]["excluded"])))
    return opening


def find_first_value(
    client: PublishingClient, native: Mapping[str, Any], parents: list[Clause], datasets: Mapping[str, int]
) -> object:
    """Return the first value that a filter offers, or None if it offers no value.

    ``parents`` are the clauses of the parent filters, which narrow the values that the filter offers.
    """
    target = native["targets"][0]
    dataset = target.get("datasetId") or datasets[target["datasetUuid"]]
    column = target["column"]["name"]
    conditions = [str(condition["sqlExpression"]) for condition in native.get("adhoc_filters", [])]
    order = native["controlValues"].get("sortMetric")
    query = {
        "columns": [column],
        "metrics": [order] if order else [],
        "orderby": [[order or column, native["controlValues"].get("sortAscending", True)]],
        "filters": parents,
        "extras": {"having": "", "where": " AND ".join(f"({condition})" for condition in conditions)},
        "row_limit": 1,
    }
    rows = run_queries(client, {"datasource": {"id": dataset, "type": "table"}, "queries": [query]})[0]["data"]
    return rows[0][column] if rows else None


def warm_chart(client: PublishingClient, chart_id: int, clauses: list[Clause]) -> None:
    """Run the queries of a chart with the filter clauses ``clauses``. The results replace the cached results."""
    context = json.loads(client.read("chart", chart_id)["result"]["query_context"])
    queries = [{**query, "filters": clauses} for query in context["queries"]]
    run_queries(client, {**context, "queries": queries, "force": True})


def run_queries(client: PublishingClient, context: Mapping[str, Any]) -> list[Row]:
    """Run the queries of a query context (the JSON object in which Superset keeps a chart's queries).

    Raises BadInputError with the message of the warehouse if a query fails.
    """
    results: list[Row] = client.post(client.find_url("chart/data"), json=context).json()["result"]
    for result in results:
        if result.get("error"):
            reason = " ".join(str(result["error"]).split())
            raise BadInputError(reason, "run `trailhouse transform`")
    return results
