"""Row-level security: rules that show each group of readers only the rows of its suites."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.dashboards.publish.access_file import Access
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.rights import RightsDrift, Rule
from trailhouse.dashboards.publish.roles import GROUP_PREFIX, RESEARCHER, read_role_ids

RULE_PREFIX = "Trailhouse suites: "
RULE_GROUP = "trailhouse_suite"
SUITE_COLUMN = "suite_id"
NO_ROW = "1 = 0"


def build_rules(managed: set[int], by_suite: set[int], access: Access) -> dict[str, Rule]:
    """Return the rules that the access file asks for, by name. If the access file has no groups, there are no rules.

    ``managed`` holds the ids of all published datasets. ``by_suite`` holds the ids of the published datasets with a
    column ``suite_id``. Under the rules, administrators and researchers see all rows of all datasets. Members of a
    group see only the rows of the group's suites, in the datasets ``by_suite``. All other users see no rows.
    """
    if not access.suites_by_group or not managed:
        return {}
    unrestricted = frozenset(("Admin", RESEARCHER))
    groups = {GROUP_PREFIX + group for group in access.suites_by_group}
    with_suite = frozenset(by_suite)
    rules = {
        "nobody else": Rule("Base", with_suite, unrestricted | groups, NO_ROW, ""),
        "tables of all suites": Rule("Base", frozenset(managed - by_suite), unrestricted, NO_ROW, ""),
    }
    for group, suites in sorted(access.suites_by_group.items()):
        names = ", ".join(f"'{suite}'" for suite in suites)
        clause = f"{SUITE_COLUMN} in ({names})"
        rules[group] = Rule("Regular", with_suite, frozenset((GROUP_PREFIX + group,)), clause, RULE_GROUP)
    return {RULE_PREFIX + name: rule for name, rule in rules.items() if rule.tables}


def find_rules(client: PublishingClient) -> dict[str, Rule]:
    """Return the rules in Superset whose names begin with Trailhouse's prefix, by name."""
    names = {number: name for name, number in read_role_ids(client).items()}
    return {
        row["name"]: Rule(
            filter_type=row["filter_type"],
            tables=frozenset(table["id"] for table in row["tables"]),
            roles=frozenset(names[role["id"]] for role in row["roles"]),
            clause=row["clause"],
            group_key=row["group_key"] or "",
        )
        for row in client.read_all("rowlevelsecurity")
        if str(row["name"]).startswith(RULE_PREFIX)
    }


def restrict_suites(client: PublishingClient, drift: RightsDrift, wanted: Mapping[str, Rule]) -> None:
    """Create, change and delete rules in Superset, so that Trailhouse's rules equal ``wanted``."""
    role_ids = read_role_ids(client)
    ids = {str(row["name"]): int(row["id"]) for row in client.read_all("rowlevelsecurity")}
    for name, number in ids.items():
        if f"rule {name}" in drift.superfluous:
            client.delete(client.find_url("rowlevelsecurity", number))
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
            client.post(client.find_url("rowlevelsecurity/"), json=body)
        elif f"rule {name}" in drift.changed:
            client.put(client.find_url("rowlevelsecurity", ids[name]), json=body)
