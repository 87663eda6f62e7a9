"""Publish a bundle: import new and changed assets, and delete published assets that the bundle no longer has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.normalised_assets import (
    KINDS,
    Asset,
    AssetKey,
    read_bundle,
    unzip_bundle,
    zip_bundle,
)


@dataclass(frozen=True)
class Drift:
    """The differences between the assets in Superset and the assets in a bundle."""

    missing: tuple[Asset, ...]
    changed: tuple[Asset, ...]
    superfluous: tuple[Asset, ...]
    unchanged_count: int

    @property
    def count(self) -> int:
        """Number of assets that differ. 0 means that publishing would change nothing."""
        return len(self.missing) + len(self.changed) + len(self.superfluous)


def find_drift(client: PublishingClient, files: Mapping[str, str]) -> Drift:
    """Return how the assets in Superset differ from the bundle ``files``. Nothing is changed.

    A chart or dashboard of the bundle also counts as changed if ``find_owned`` does not return it, for example because
    Superset does not mark it as managed externally.
    """
    wanted = read_bundle(files)
    present = read_bundle(unzip_bundle(client.export_assets()))
    owned = find_owned(client, set(wanted))
    return Drift(
        missing=tuple(asset for key, asset in sorted(wanted.items()) if key not in present),
        changed=tuple(
            asset
            for key, asset in sorted(wanted.items())
            if key in present and (present[key].content != asset.content or key not in owned)
        ),
        superfluous=tuple(present[key] for key in sorted(owned - set(wanted)) if key in present),
        unchanged_count=sum(key in owned and present.get(key) == asset for key, asset in wanted.items()),
    )


def publish_bundle(client: PublishingClient, files: Mapping[str, str]) -> Drift:
    """Make Superset's assets equal to the bundle, and return how they differed. A second call changes nothing."""
    drift = find_drift(client, files)
    if drift.missing or drift.changed:
        client.import_assets(zip_bundle(files))
    for kind in reversed(KINDS):  # deletes dashboards before the charts that they show
        remove_assets(client, kind, [asset for asset in drift.superfluous if asset.key.kind == kind])
    return drift


def remove_assets(client: PublishingClient, kind: str, assets: list[Asset]) -> None:
    """Delete assets, which must all be of one kind."""
    if not assets:
        return
    ids = {str(row["uuid"]): int(row["id"]) for row in client.read_all(assets[0].key.resource, "id,uuid")}
    for asset in assets:
        getattr(client, kind).delete(ids[asset.key.uuid])


def find_owned(client: PublishingClient, wanted: set[AssetKey]) -> set[AssetKey]:
    """Return the assets in Superset that Trailhouse published.

    ``wanted`` holds the assets of the bundle. Trailhouse published the following assets:

    - the databases in ``wanted``,
    - the datasets of these databases that are in ``wanted`` or that Superset marks as managed externally,
    - the charts on datasets of these databases that Superset marks as managed externally, and the dashboards that
      ``find_owned_dashboards`` returns for these charts.

    Other tools may also mark their assets, but these assets belong to other databases. Charts that people made on
    Trailhouse's datasets are not marked.
    """
    uuids = {key.uuid for key in wanted if key.kind == "databases"}
    database_ids = {row["id"]: row["uuid"] for row in client.read_all("database", "id,uuid") if row["uuid"] in uuids}
    datasets = {
        row["id"]: AssetKey("datasets", row["uuid"])
        for row in client.read_all("dataset", "id,uuid,database.id")
        if row["database"]["id"] in database_ids
    }
    owned = {AssetKey("databases", uuid) for uuid in database_ids.values()}
    owned |= {
        key
        for dataset_id, key in datasets.items()
        if key in wanted or client.read("dataset", dataset_id)["result"]["is_managed_externally"]
    }
    charts = client.read_all("chart", "id,uuid,is_managed_externally,datasource_id")
    our_charts = {row["id"] for row in charts if row["is_managed_externally"] and row["datasource_id"] in datasets}
    owned |= {AssetKey("charts", row["uuid"]) for row in charts if row["id"] in our_charts}
    return owned | find_owned_dashboards(client, our_charts)


def find_owned_dashboards(client: PublishingClient, our_charts: set[int]) -> set[AssetKey]:
    """Return the externally managed dashboards that have charts and whose charts are all in ``our_charts``."""
    owned = set()
    for row in client.read_all("dashboard", "id,uuid,is_managed_externally"):
        if row["is_managed_externally"]:
            shown = {chart["id"] for chart in client.read("dashboard", row["id"], "charts")["result"]}
            if shown and shown <= our_charts:
                owned.add(AssetKey("dashboards", row["uuid"]))
    return owned
