"""Who may see and do what: two roles that Trailhouse owns, and which group of readers sees which suites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.normalised_assets import Asset, AssetKey
from trailhouse.dashboards.publish.rights import Rights, RightsDrift, Rule, compare_rights
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
    hint = f"write {path} as `groups: {{readers: [suite-1, suite-2]}}`"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}", hint) from error
    groups = content.get("groups") if isinstance(content, dict) else None
    if not isinstance(groups, dict) or set(content) != {"groups"}:
        raise UsageError(f"{path} must hold `groups` and nothing else", hint)
    for group, suites in groups.items():
        if not isinstance(group, str) or not isinstance(suites, list) or not suites:
            raise UsageError(f"{path}: group {group!r} must list the suites it sees", hint)
        for suite in suites:
            if not isinstance(suite, str) or not _SUITE_NAME.fullmatch(suite):
                raise UsageError(f"{path}: group {group!r}: {suite!r} is not the name of a suite", hint)
    return Access({group: tuple(suites) for group, suites in groups.items()})


def find_access_drift(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> RightsDrift:
    """How roles and row-level security differ from what the source says; nothing is changed."""
    return compare_rights(find_rights(client), plan_rights(client, assets, access))


def grant_access(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> list[str]:
    """Bring roles and row-level security to what the source says; returns what was changed, in words.

    ``assets`` are those that were published.
    """
    wanted = plan_rights(client, assets, access)
    drift = compare_rights(find_rights(client), wanted)
    if drift.count == 0:
        return []
    grant_roles(client, drift, wanted.roles)
    restrict_suites(client, drift, wanted.rules)
    verbs = (("created", drift.missing), ("changed", drift.changed), ("removed", drift.superfluous))
    return [f"{verb} {name}" for verb, names in verbs for name in names]


def plan_rights(client: PublishingClient, assets: Mapping[AssetKey, Asset], access: Access) -> Rights:
    """What the source says, for those of the assets that Superset holds."""
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


def plan_roles(
    client: PublishingClient, databases: set[int], datasets: set[int], access: Access
) -> dict[str, frozenset[int]]:
    """The roles with exactly the permissions that they should have."""
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
        for row in client.read("security/roles", str(ids[name]), "permissions", "")["result"]
        if row["view_menu_name"] not in WITHHELD_FROM_RESEARCHERS
    }
    wanted: dict[str, Iterable[tuple[str, str]]] = {
        STAKEHOLDER: STAKEHOLDER_PERMISSIONS | data,
        RESEARCHER: templates | data | database,
        **{GROUP_PREFIX + group: () for group in access.suites_by_group},
    }
    return {
        name: frozenset(permissions[pair] for pair in pairs if pair in permissions) for name, pairs in wanted.items()
    }


def find_permissions(permissions: Iterable[tuple[str, str]], name: str, ids: set[int]) -> set[tuple[str, str]]:
    """The permissions of one kind on the databases or datasets with these ids."""
    ends = tuple(f"(id:{number})" for number in ids)
    return {pair for pair in permissions if pair[0] == name and pair[1].endswith(ends)}


def find_rights(client: PublishingClient) -> Rights:
    """The roles and rules that are there under our names."""
    ids = read_role_ids(client)
    names = {number: name for name, number in ids.items()}
    owned = [name for name in ids if name in (STAKEHOLDER, RESEARCHER) or name.startswith(GROUP_PREFIX)]
    return Rights(
        roles={
            name: frozenset(
                int(row["id"]) for row in client.read("security/roles", str(ids[name]), "permissions", "")["result"]
            )
            for name in owned
        },
        rules={
            row["name"]: Rule(
                filter_type=row["filter_type"],
                tables=frozenset(table["id"] for table in row["tables"]),
                roles=frozenset(names[role["id"]] for role in row["roles"]),
                clause=row["clause"],
                group_key=row["group_key"] or "",
            )
            for row in client.read_all("rowlevelsecurity")
            if str(row["name"]).startswith(RULE_PREFIX)
        },
    )


def read_role_ids(client: PublishingClient) -> dict[str, int]:
    """Ids of all roles, by name."""
    return {row["name"]: int(row["id"]) for row in client.read_all("security/roles")}


def grant_roles(client: PublishingClient, drift: RightsDrift, wanted: Mapping[str, frozenset[int]]) -> None:
    """Create, change and remove the roles that differ."""
    ids = read_role_ids(client)
    for name, permissions in wanted.items():
        if f"role {name}" in drift.missing:
            answer = client.session.post(client.address("security/roles", ""), json={"name": name}).json()
            ids[name] = int(answer["id"])
        if f"role {name}" in drift.missing + drift.changed:
            body = {"permission_view_menu_ids": sorted(permissions)}
            client.session.post(client.address("security/roles", str(ids[name]), "permissions"), json=body)
    for name, number in ids.items():
        if f"role {name}" in drift.superfluous:
            client.session.delete(client.address("security/roles", str(number)))


def restrict_suites(client: PublishingClient, drift: RightsDrift, wanted: Mapping[str, Rule]) -> None:
    """Create, change and remove the rules that differ."""
    role_ids = read_role_ids(client)
    ids = {str(row["name"]): str(row["id"]) for row in client.read_all("rowlevelsecurity")}
    for name, number in ids.items():
        if f"rule {name}" in drift.superfluous:
            client.session.delete(client.address("rowlevelsecurity", number))
    for name, rule in wanted.items():
        body = {
            "name": name,
            "filter_type": rule.filter_type,
            "tables": sorted(rule.tables),
            "roles": sorted(role_ids[role] for role in rule.roles),
            "clause": rule.clause,
            "group_key": rule.group_key,
        }
        if f"rule {name}" in drift.missing:
            client.session.post(client.address("rowlevelsecurity", ""), json=body)
        elif f"rule {name}" in drift.changed:
            client.session.put(client.address("rowlevelsecurity", ids[name]), json=body)


def build_rules(managed: set[int], by_suite: set[int], access: Access) -> dict[str, Rule]:
    """The rules that the access file asks for, by name.

    With groups, nobody but administrators and researchers sees a row unless a group lets them: a base rule denies
    all, and one rule per group names its suites. Tables without a suite are closed to groups altogether.
    """
    if not access.suites_by_group or not managed:
        return {}
    unrestricted = frozenset(("Admin", RESEARCHER))
    groups = {GROUP_PREFIX + group for group in access.suites_by_group}
    with_suite = frozenset(by_suite)
    rules = {
        "nobody else": Rule("Base", with_suite, unrestricted | groups, "1 = 0", ""),
        "tables of all suites": Rule("Base", frozenset(managed - by_suite), unrestricted, "1 = 0", ""),
    }
    for group, suites in sorted(access.suites_by_group.items()):
        names = ", ".join(f"'{suite}'" for suite in suites)
        clause = f"{SUITE_COLUMN} in ({names})"
        rules[group] = Rule("Regular", with_suite, frozenset((GROUP_PREFIX + group,)), clause, RULE_GROUP)
    return {RULE_PREFIX + name: rule for name, rule in rules.items() if rule.tables}
