"""Making Superset hold what the source says: import what differs, remove what is gone, leave the rest alone."""

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

RESOURCES = {"databases": "database", "datasets": "dataset", "charts": "chart", "dashboards": "dashboard"}


@dataclass(frozen=True)
class Drift:
    """How Superset differs from the source; empty means that publishing changes nothing."""

    missing: tuple[Asset, ...]
    changed: tuple[Asset, ...]
    superfluous: tuple[Asset, ...]
    unchanged_count: int

    @property
    def count(self) -> int:
        """Number of assets that differ."""
        return len(self.missing) + len(self.changed) + len(self.superfluous)


def find_drift(client: PublishingClient, files: Mapping[str, str]) -> Drift:
    """Compare the bundle with what Superset holds; nothing is changed."""
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
    """Bring Superset to the state of the bundle; returns how it differed before. Twice changes nothing."""
    drift = find_drift(client, files)
    if drift.missing or drift.changed:
        client.import_assets(zip_bundle(files))
    for kind in reversed(KINDS):
        remove_assets(client, [asset for asset in drift.superfluous if asset.key.kind == kind])
    return drift


def remove_assets(client: PublishingClient, assets: list[Asset]) -> None:
    """Delete assets of one kind."""
    if not assets:
        return
    resource = RESOURCES[assets[0].key.kind]
    ids = {str(row["uuid"]): row["id"] for row in client.read_all(resource, "id,uuid")}
    for asset in assets:
        client.session.delete(client.address(resource, str(ids[asset.key.uuid])))


def find_owned(client: PublishingClient, wanted: set[AssetKey]) -> set[AssetKey]:
    """The assets that Trailhouse published: marked as managed from outside, and on the databases of the bundle.

    The mark alone would take in what other tools manage, the database alone what people made on our datasets.
    """
    uuids = {key.uuid for key in wanted if key.kind == "databases"}
    database_ids = {row["id"]: row["uuid"] for row in client.read_all("database", "id,uuid") if row["uuid"] in uuids}
    owned = {AssetKey("databases", uuid) for uuid in database_ids.values()}
    datasets = {
        row["id"]: AssetKey("datasets", row["uuid"])
        for row in client.read_all("dataset", "id,uuid,database.id")
        if row["database"]["id"] in database_ids
    }
    owned |= {
        key
        for dataset_id, key in datasets.items()
        if key in wanted or client.read("dataset", str(dataset_id))["result"]["is_managed_externally"]
    }
    charts = client.read_all("chart", "id,uuid,is_managed_externally,datasource_id")
    our_charts = {row["id"] for row in charts if row["is_managed_externally"] and row["datasource_id"] in datasets}
    owned |= {AssetKey("charts", row["uuid"]) for row in charts if row["id"] in our_charts}
    for row in client.read_all("dashboard", "id,uuid,is_managed_externally"):
        if row["is_managed_externally"]:
            shown = {chart["id"] for chart in client.read("dashboard", str(row["id"]), "charts")["result"]}
            if shown and shown <= our_charts:
                owned.add(AssetKey("dashboards", row["uuid"]))
    return owned
