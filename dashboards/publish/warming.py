"""The cache of chart results: dropped when the marts changed, and filled before somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trailhouse.dashboards.publish.client import PublishingClient


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
        row["id"] for row in client.read_all("dataset", "id,database.uuid") if row["database"]["uuid"] == database_uuid
    }
    body = {"datasource_uids": [f"{dataset}__table" for dataset in sorted(datasets)]}
    client.session.post(client.address("cachekey", "invalidate"), json=body)
    owned = {
        row["id"]
        for row in client.read_all("chart", "id,is_managed_externally,datasource_id")
        if row["is_managed_externally"] and row["datasource_id"] in datasets
    }
    work = [
        (dashboard, chart)
        for dashboard in client.read_all("dashboard", "id,dashboard_title,is_managed_externally")
        if dashboard["is_managed_externally"]
        for chart in client.read("dashboard", str(dashboard["id"]), "charts")["result"]
        if chart["id"] in owned
    ]
    failures = []
    for index, (dashboard, chart) in enumerate(work):
        report(index, len(work), chart["slice_name"])
        request = {"chart_id": chart["id"], "dashboard_id": dashboard["id"]}
        answer = client.session.put(client.address("chart", "warm_up_cache"), json=request).json()
        for result in answer["result"]:
            if result["viz_error"]:
                reason = " ".join(str(result["viz_error"]).split())
                failures.append(ChartFailure(dashboard["dashboard_title"], chart["slice_name"], reason))
    report(len(work), len(work), "")
    return WarmUp(len(work), tuple(failures))
