"""The roles that Trailhouse owns in Superset, and the permissions of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trailhouse.dashboards.publish.access_file import Access
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.rights import RightsDrift

STAKEHOLDER = "Stakeholder"
RESEARCHER = "Researcher"
GROUP_PREFIX = "Suites: "

Permission = tuple[str, str]
"""The name of a permission of Superset, and the view that the permission applies to."""

# A stakeholder opens dashboards, downloads the numbers of a chart, shares links, and sets a password, but cannot
# change, explore or export assets.
STAKEHOLDER_PERMISSIONS = frozenset[Permission](
    {
        ("can_read", "Dashboard"),
        ("can_read", "Chart"),
        ("can_read", "CurrentUserRestApi"),
        ("can_read", "DashboardFilterStateRestApi"),
        ("can_write", "DashboardFilterStateRestApi"),
        ("can_read", "DashboardPermalinkRestApi"),
        ("can_write", "DashboardPermalinkRestApi"),
        ("can_get", "MenuApi"),
        ("can_read", "SecurityRestApi"),  # allows a page to read the CSRF token that its forms send
        ("can_dashboard", "Superset"),
        ("can_dashboard_permalink", "Superset"),
        ("can_language_pack", "Superset"),
        ("can_log", "Superset"),
        ("can_time_range", "Api"),
        ("menu_access", "Dashboards"),
        # the numbers of a chart as a table, as CSV and as an image, and a link to what a page shows
        ("can_view_chart_as_table", "Dashboard"),
        ("can_csv", "Superset"),
        ("can_share_dashboard", "Superset"),
        ("can_share_chart", "Superset"),
        # the page of the user's own data, and its form for a new password
        ("can_read", "user"),
        ("can_write", "CurrentUserRestApi"),
    }
)
# A researcher sees all suites, runs SQL as the warehouse's read-only user, and makes charts. The role Researcher gets
# the permissions of Superset's roles Gamma and sql_lab, except permissions on WITHHELD_FROM_RESEARCHERS.
RESEARCHER_TEMPLATES = ("Gamma", "sql_lab")
WITHHELD_FROM_RESEARCHERS = frozenset({"CacheRestApi", "UserRegistrationsRestAPI", "Theme", "RowLevelSecurity"})


def plan_roles(
    client: PublishingClient, databases: set[int], datasets: set[int], access: Access
) -> dict[str, frozenset[int]]:
    """Return a mapping from the name of every role to the ids of the permissions that the role should have.

    ``databases`` and ``datasets`` are the ids of the databases and datasets that Trailhouse published. Each group of
    the access file has a role without permissions. Row-level security rules refer to this role to select the rows that
    the group sees.
    """
    permissions = {
        (row["permission"]["name"], row["view_menu"]["name"]): int(row["id"])
        for row in client.read_all("security/permissions-resources")
    }
    data = find_permissions(permissions, "datasource_access", datasets)
    database = find_permissions(permissions, "database_access", databases)
    ids = read_role_ids(client)
    templates = {
        (row["permission_name"], row["view_menu_name"])
        for name in RESEARCHER_TEMPLATES
        for row in client.read("security/roles", ids[name], "permissions/")["result"]
        if row["view_menu_name"] not in WITHHELD_FROM_RESEARCHERS
    }
    wanted: dict[str, Iterable[Permission]] = {
        STAKEHOLDER: STAKEHOLDER_PERMISSIONS | data,
        RESEARCHER: templates | data | database,
        **{GROUP_PREFIX + group: () for group in access.suites_by_group},
    }
    return {
        name: frozenset(permissions[pair] for pair in pairs if pair in permissions) for name, pairs in wanted.items()
    }


def find_permissions(permissions: Iterable[Permission], name: str, ids: set[int]) -> set[Permission]:
    """Return the permissions called ``name`` on the databases or datasets with these ids."""
    ends = tuple(f"(id:{number})" for number in ids)
    return {pair for pair in permissions if pair[0] == name and pair[1].endswith(ends)}


def find_roles(client: PublishingClient) -> dict[str, frozenset[int]]:
    """Return the ids of the permissions that Trailhouse's roles have now, by the role's name."""
    owned = {
        name: number
        for name, number in read_role_ids(client).items()
        if name in (STAKEHOLDER, RESEARCHER) or name.startswith(GROUP_PREFIX)
    }
    return {
        name: frozenset(int(row["id"]) for row in client.read("security/roles", number, "permissions/")["result"])
        for name, number in owned.items()
    }


def read_role_ids(client: PublishingClient) -> dict[str, int]:
    """Return the ids of all roles by name."""
    return {row["name"]: int(row["id"]) for row in client.read_all("security/roles")}


def grant_roles(client: PublishingClient, drift: RightsDrift, wanted: Mapping[str, frozenset[int]]) -> None:
    """Create, change and delete roles in Superset, so that Trailhouse's roles equal ``wanted``."""
    ids = read_role_ids(client)
    for name, permissions in wanted.items():
        if f"role {name}" in drift.missing:
            answer = client.post(client.find_url("security/roles/"), json={"name": name}).json()
            ids[name] = int(answer["id"])
        if f"role {name}" in drift.missing + drift.changed:
            body = {"permission_view_menu_ids": sorted(permissions)}
            client.post(client.find_url("security/roles", ids[name], "permissions"), json=body)
    for name, number in ids.items():
        if f"role {name}" in drift.superfluous:
            client.delete(client.find_url("security/roles", number))
