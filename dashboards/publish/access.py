"""Adapt Trailhouse's roles and row-level security rules in Superset to the bundle and to the access file."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.dashboards.publish.access_file import Access
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.normalised_assets import Asset, AssetKey
from trailhouse.dashboards.publish.rights import Rights, RightsDrift, compare_rights
from trailhouse.dashboards.publish.roles import find_roles, grant_roles, plan_roles
from trailhouse.dashboards.publish.row_level_security import SUITE_COLUMN, build_rules, find_rules, restrict_suites


def find_access_drift(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> RightsDrift:
    """Return how Trailhouse's roles and rules in Superset differ from what the bundle and the access file need.

    ``assets`` are the dashboards, charts, datasets and databases of the bundle. Nothing is changed.
    """
    return compare_rights(find_rights(client), plan_rights(client, assets, access))


def grant_access(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> list[str]:
    """Create, change and delete Trailhouse's roles and rules in Superset, as the bundle and the access file require.

    ``assets`` are the dashboards, charts, datasets and databases of the bundle. They must already be published.
    Returns a description of every change.
    """
    wanted = plan_rights(client, assets, access)
    drift = compare_rights(find_rights(client), wanted)
    if drift.count == 0:
        return []
    grant_roles(client, drift, wanted.roles)
    restrict_suites(client, drift, wanted.rules)
    verbs = (("created", drift.missing), ("changed", drift.changed), ("removed", drift.superfluous))
    return [f"{verb} {name}" for verb, names in verbs for name in names]


def find_rights(client: PublishingClient) -> Rights:
    """Return Trailhouse's roles and rules as Superset has them now."""
    return Rights(roles=find_roles(client), rules=find_rules(client))


def plan_rights(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> Rights:
    """Return the roles and rules that Superset should have, for the datasets and databases that it already has."""
    ids = {str(row["uuid"]): int(row["id"]) for row in client.read_all("dataset", "id,uuid")}
    datasets = {ids[key.uuid]: asset for key, asset in assets.items() if key.kind == "datasets" and key.uuid in ids}
    by_suite = {
        dataset_id
        for dataset_id, asset in datasets.items()
        if any(column["column_name"] == SUITE_COLUMN for column in asset.content["columns"])
    }
    database_uuids = {key.uuid for key in assets if key.kind == "databases"}
    database_ids = {row["id"] for row in client.read_all("database", "id,uuid") if row["uuid"] in database_uuids}
    return Rights(
        roles=plan_roles(client, database_ids, set(datasets), access),
        rules=build_rules(set(datasets), by_suite, access),
    )
