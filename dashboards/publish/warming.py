"""The cache of chart results: dropped when the marts changed, and filled before somebody looks.

Superset's own warm-up leaves out filters whose value is found when a page opens ("the first suite"), so it fills the
cache with queries that nobody asks. Here every chart is asked what its dashboard asks when it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.errors import BadInputError, UnreachableError

Clause = dict[str, Any]


@dataclass(frozen=True)
class ChartFailure:
    """A chart whose query failed, and what the warehouse or Superset said."""

    dashboard: str
    chart: str
    reason: str


@dataclass(frozen=True)
class WarmUp:
    """How many charts were filled into the cache, and which failed."""

    chart_count: int
    failures: tuple[ChartFailure, ...]


def warm_dashboards(
    client: PublishingClient, database_uuid: str, report: Callable[[int, int, str], None] = lambda *_: None
) -> WarmUp:
    """Drop what is cached of our datasets, then run every chart of every dashboard that Trailhouse published.

    ``report`` hears how many charts are done, of how many, and the name of the next.
    """
    datasets = {
        row["uuid"]: int(row["id"])
        for row in client.read_all("dataset", "id,uuid,database.uuid")
        if row["database"]["uuid"] == database_uuid
    }
    body = {"datasource_uids": [f"{dataset}__table" for dataset in sorted(datasets.values())]}
    client.session.post(client.address("cachekey", "invalidate"), json=body)
    owned = {
        row["id"]
        for row in client.read_all("chart", "id,is_managed_externally,datasource_id")
        if row["is_managed_externally"] and row["datasource_id"] in datasets.values()
    }
    work = [
        (dashboard, chart)
        for dashboard in client.read_all("dashboard", "id,dashboard_title,is_managed_externally")
        if dashboard["is_managed_externally"]
        for chart in client.read("dashboard", str(dashboard["id"]), "charts")["result"]
        if chart["id"] in owned
    ]
    filters: dict[int, list[tuple[set[int], Clause]]] = {}
    failures = []
    for index, (dashboard, chart) in enumerate(work):
        report(index, len(work), chart["slice_name"])
        try:
            if dashboard["id"] not in filters:
                filters[dashboard["id"]] = find_opening_filters(client, dashboard["id"], datasets)
            clauses = [clause for excluded, clause in filters[dashboard["id"]] if chart["id"] not in excluded]
            warm_chart(client, chart["id"], clauses)
        except (BadInputError, UnreachableError) as error:
            failures.append(ChartFailure(dashboard["dashboard_title"], chart["slice_name"], error.message))
    report(len(work), len(work), "")
    return WarmUp(len(work), tuple(failures))


def find_opening_filters(
    client: PublishingClient, dashboard_id: int, datasets: Mapping[str, int]
) -> list[tuple[set[int], Clause]]:
    """The filters that apply when a dashboard is opened, in its order, each with the charts it leaves out."""
    metadata = json.loads(client.read("dashboard", str(dashboard_id))["result"]["json_metadata"])
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
        opening.append((set(native["scope"]["excluded"]), clause))
    return opening


def find_first_value(
    client: PublishingClient, native: Mapping[str, Any], parents: list[Clause], datasets: Mapping[str, int]
) -> object:
    """The value that a filter takes by itself, or None where there is none."""
    target = native["targets"][0]
    dataset = target.get("datasetId") or datasets[target["datasetUuid"]]
    column = target["column"]["name"]
    conditions = [str(condition["sqlExpression"]) for condition in native.get("adhoc_filters", [])]
    query = {
        "columns": [column],
        "metrics": [],
        "orderby": [[column, native["controlValues"].get("sortAscending", True)]],
        "filters": parents,
        "extras": {"having": "", "where": " AND ".join(f"({condition})" for condition in conditions)},
        "row_limit": 1,
    }
    rows = ask_superset(client, {"datasource": {"id": dataset, "type": "table"}, "queries": [query]})[0]["data"]
    return rows[0][column] if rows else None


def warm_chart(client: PublishingClient, chart_id: int, clauses: list[Clause]) -> None:
    """Ask what a chart asks under these filters, past the cache and into it."""
    context = json.loads(client.read("chart", str(chart_id))["result"]["query_context"])
    queries = [{**query, "filters": clauses} for query in context["queries"]]
    ask_superset(client, {**context, "queries": queries, "force": True})


def ask_superset(client: PublishingClient, context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of a query context.

    Raises BadInputError with what the warehouse said where a query fails.
    """
    results: list[dict[str, Any]] = client.session.post(client.address("chart", "data"), json=context).json()["result"]
    for result in results:
        if result.get("error"):
            reason = " ".join(str(result["error"]).split())
            raise BadInputError(reason, "run `trailhouse transform`")
    return results
