"""Who may see and do what: two roles that Trailhouse owns, and which group of readers sees which suites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trailhouse.dashboards.publish.assets import Asset, AssetKey
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.errors import UsageError

STAKEHOLDER = "Stakeholder"
RESEARCHER = "Researcher"
GROUP_PREFIX = "Suites: "
RULE_PREFIX = "Trailhouse suites: "
RULE_GROUP = "trailhouse_suite"
SUITE_COLUMN = "suite_id"

# What looking at a dashboard needs: (permission, view). Nothing that writes, explores, exports or lists other things.
STAKEHOLDER_PERMISSIONS = frozenset(
    {
        ("can_read", "Dashboard"),
        ("can_read", "Chart"),
        ("can_read", "CurrentUserRestApi"),
        ("can_read", "DashboardFilterStateRestApi"),
        ("can_write", "DashboardFilterStateRestApi"),
        ("can_read", "DashboardPermalinkRestApi"),
        ("can_get", "MenuApi"),
        ("can_read", "SecurityRestApi"),  # the token that forms carry
        ("can_dashboard", "Superset"),
        ("can_dashboard_permalink", "Superset"),
        ("can_language_pack", "Superset"),
        ("can_log", "Superset"),
        ("can_time_range", "Api"),
        ("menu_access", "Dashboards"),
        ("can_this_form_get", "ResetMyPasswordView"),
        ("can_this_form_post", "ResetMyPasswordView"),
        ("can_userinfo", "UserDBModelView"),
        ("resetmypassword", "UserDBModelView"),
    }
)
# A researcher looks at everything, asks SQL as the warehouse's reader, and makes charts of their own.
RESEARCHER_TEMPLATES = ("Gamma", "sql_lab")
WITHHELD_FROM_RESEARCHERS = frozenset({"CacheRestApi", "UserRegistrationsRestAPI", "Theme", "RowLevelSecurity"})

_SUITE_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Access:
    """Groups of readers, and the suites each may see; without groups everybody sees all."""

    suites_by_group: Mapping[str, tuple[str, ...]]


def read_access(path: Path) -> Access:
    """Read the access file; one that is absent restricts nobody.

    Raises UsageError naming the group or suite that is wrong.
    """
    if not path.exists():
        return Access({})
    cure = f"write {path} as `groups: {{readers: [suite-1, suite-2]}}`"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}", cure) from error
    groups = content.get("groups") if isinstance(content, dict) else None
    if not isinstance(groups, dict) or set(content) != {"groups"}:
        raise UsageError(f"{path} must hold `groups` and nothing else", cure)
    for group, suites in groups.items():
        if not isinstance(group, str) or not isinstance(suites, list) or not suites:
            raise UsageError(f"{path}: group {group!r} must list the suites it sees", cure)
        for suite in suites:
            if not isinstance(suite, str) or not _SUITE_NAME.fullmatch(suite):
                raise UsageError(f"{path}: group {group!r}: {suite!r} is not the name of a suite", cure)
    return Access({group: tuple(suites) for group, suites in groups.items()})


def grant_access(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> list[str]:
    """Bring roles and row-level security to what the source says; returns what was changed, in words.

    ``assets`` are those that were published.
    """
    ids = {str(row["uuid"]): int(row["id"]) for row in client.read_all("dataset", "id,uuid")}
    datasets = {ids[key.uuid]: asset for key, asset in assets.items() if key.kind == "datasets"}
    by_suite = {
        dataset_id
        for dataset_id, asset in datasets.items()
        if any(column["column_name"] == SUITE_COLUMN for column in asset.content["columns"])
    }
    (database_uuid,) = (key.uuid for key in assets if key.kind == "databases")
    roles = grant_roles(client, database_uuid, set(datasets), access)
    return roles.changes + restrict_suites(client, roles, set(datasets), by_suite, access)


@dataclass(frozen=True)
class GrantedRoles:
    """Ids of all roles by name, and what was changed."""

    ids: Mapping[str, int]
    changes: list[str]


def grant_roles(client: PublishingClient, database_uuid: str, datasets: set[int], access: Access) -> GrantedRoles:
    """Create the roles and give them exactly their permissions."""
    permissions = {
        (row["permission"]["name"], row["view_menu"]["name"]): row["id"]
        for row in client.read_all("security/permissions-resources")
    }
    databases = {row["uuid"]: row["id"] for row in client.read_all("database", "id,uuid")}
    data = {
        pair
        for pair in permissions
        if pair[0] == "datasource_access" and any(pair[1].endswith(f"(id:{number})") for number in datasets)
    }
    database = {
        pair
        for pair in permissions
        if pair[0] == "database_access" and pair[1].endswith(f"(id:{databases[database_uuid]})")
    }
    ids = {row["name"]: row["id"] for row in client.read_all("security/roles")}
    templates = {
        (row["permission_name"], row["view_menu_name"])
        for name in RESEARCHER_TEMPLATES
        for row in client.read("security/roles", str(ids[name]), "permissions", "")["result"]
        if row["view_menu_name"] not in WITHHELD_FROM_RESEARCHERS
    }
    wanted: dict[str, Iterable[tuple[str, str]]] = {
        STAKEHOLDER: STAKEHOLDER_PERMISSIONS | data,
        RESEARCHER: templates | data | database,
        **{GROUP_PREFIX + group: () for group in access.suites_by_group},
    }
    changes = []
    for name, pairs in wanted.items():
        changes += grant_role(client, ids, name, {permissions[pair] for pair in pairs if pair in permissions})
    for name in [name for name in ids if name.startswith(GROUP_PREFIX) and name not in wanted]:
        client.session.delete(client.address("security/roles", str(ids.pop(name))))
        changes.append(f"removed role {name}")
    return GrantedRoles(ids, changes)


def grant_role(client: PublishingClient, ids: dict[str, int], name: str, wanted: set[int]) -> list[str]:
    """Create one role if it is missing, and set its permissions if they differ."""
    changes = []
    if name not in ids:
        answer = client.session.post(client.address("security/roles", ""), json={"name": name}).json()
        ids[name] = int(answer["id"])
        changes.append(f"created role {name}")
    rows = client.read("security/roles", str(ids[name]), "permissions", "")["result"]
    if {row["id"] for row in rows} != wanted:
        body = {"permission_view_menu_ids": sorted(wanted)}
        client.session.post(client.address("security/roles", str(ids[name]), "permissions"), json=body)
        changes.append(f"set permissions of role {name}")
    return changes


def restrict_suites(
    client: PublishingClient, roles: GrantedRoles, managed: set[int], by_suite: set[int], access: Access
) -> list[str]:
    """Bring the rules of row-level security to what the access file says.

    With groups, nobody but administrators and researchers sees a row unless a group lets them: a base rule denies
    all, and one rule per group names its suites. Tables without a suite are closed to groups altogether.
    """
    wanted = {rule["name"]: rule for rule in build_rules(roles.ids, managed, by_suite, access)}
    present = {
        row["name"]: row for row in client.read_all("rowlevelsecurity") if str(row["name"]).startswith(RULE_PREFIX)
    }
    changes = []
    for name, row in present.items():
        if name not in wanted:
            client.session.delete(client.address("rowlevelsecurity", str(row["id"])))
            changes.append(f"removed rule {name}")
    for name, rule in wanted.items():
        if name not in present:
            client.session.post(client.address("rowlevelsecurity", ""), json=rule)
            changes.append(f"created rule {name}")
        elif describe_rule(present[name]) != rule:
            client.session.put(client.address("rowlevelsecurity", str(present[name]["id"])), json=rule)
            changes.append(f"changed rule {name}")
    return changes


def build_rules(ids: Mapping[str, int], managed: set[int], by_suite: set[int], access: Access) -> list[dict[str, Any]]:
    """The rules that the access file asks for, as Superset's API takes them."""
    if not access.suites_by_group or not managed:
        return []
    unrestricted = sorted(ids[name] for name in ("Admin", RESEARCHER))
    groups = sorted(ids[GROUP_PREFIX + group] for group in access.suites_by_group)
    rules = [
        make_rule("nobody else", "Base", by_suite, sorted(unrestricted + groups), "1 = 0"),
        make_rule("tables of all suites", "Base", managed - by_suite, unrestricted, "1 = 0"),
    ]
    for group, suites in sorted(access.suites_by_group.items()):
        names = ", ".join(f"'{suite}'" for suite in suites)
        roles = [ids[GROUP_PREFIX + group]]
        rules.append(make_rule(group, "Regular", by_suite, roles, f"{SUITE_COLUMN} in ({names})"))
    return [rule for rule in rules if rule["tables"]]


def make_rule(name: str, kind: str, tables: set[int], roles: list[int], clause: str) -> dict[str, Any]:
    """One rule; those of one group key are joined by OR, so a person in two groups sees both."""
    return {
        "name": RULE_PREFIX + name,
        "filter_type": kind,
        "tables": sorted(tables),
        "roles": roles,
        "clause": clause,
        "group_key": RULE_GROUP if kind == "Regular" else "",
    }


def describe_rule(row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule that Superset lists, in the form in which one is sent."""
    return {
        "name": row["name"],
        "filter_type": row["filter_type"],
        "tables": sorted(table["id"] for table in row["tables"]),
        "roles": sorted(role["id"] for role in row["roles"]),
        "clause": row["clause"],
        "group_key": row["group_key"] or "",
    }
