"""Roles and rules: how those of Superset differ from the planned ones, and how they are changed."""

import pytest

from tests.dashboards.publish.superset_stand_in import SupersetStandIn
from trailhouse.dashboards.publish.access import find_access_drift, grant_access
from trailhouse.dashboards.publish.access_file import Access
from trailhouse.dashboards.publish.normalised_assets import Asset, AssetKey
from trailhouse.dashboards.publish.roles import STAKEHOLDER_PERMISSIONS
from trailhouse.dashboards.publish.users import add_user
from trailhouse.errors import UsageError

VIEWS = [
    *sorted(STAKEHOLDER_PERMISSIONS),
    ("datasource_access", "[db].[fct_a](id:5)"),
    ("datasource_access", "[db].[fct_all](id:6)"),
    ("datasource_access", "[db].[other](id:15)"),
    ("database_access", "[db].(id:1)"),
    ("database_access", "[other].(id:11)"),
    ("can_write", "Chart"),
    ("can_execute_sql_query", "SQLLab"),
    ("can_write", "RowLevelSecurity"),
]
IDS = {pair: 100 + index for index, pair in enumerate(VIEWS)}
STAKEHOLDER_IDS = {IDS[pair] for pair in [*STAKEHOLDER_PERMISSIONS, *VIEWS[-8:-6]]}
RESEARCHER_IDS = {IDS[pair] for pair in [*VIEWS[-8:-6], VIEWS[-5], VIEWS[-3], VIEWS[-2]]}
ASSETS = {
    key: Asset(key, key.uuid, {"columns": [{"column_name": column}]})
    for key, column in (
        (AssetKey("databases", "db"), ""),
        (AssetKey("datasets", "fct_a"), "suite_id"),
        (AssetKey("datasets", "fct_all"), "step"),
        (AssetKey("datasets", "not there"), "suite_id"),
    )
}
PARTNERS = Access({"partners": ("a", "b")})


def list_permissions(*pairs):
    return [{"id": IDS[pair], "permission_name": pair[0], "view_menu_name": pair[1]} for pair in pairs]


@pytest.fixture
def superset():
    made = SupersetStandIn()
    made.lists = {
        "dataset": [{"id": 5, "uuid": "fct_a"}, {"id": 6, "uuid": "fct_all"}, {"id": 15, "uuid": "other"}],
        "database": [{"id": 1, "uuid": "db"}, {"id": 11, "uuid": "other"}],
        "security/permissions-resources": [
            {"id": number, "permission": {"name": pair[0]}, "view_menu": {"name": pair[1]}}
            for pair, number in IDS.items()
        ],
        "security/roles": [
            {"id": number, "name": name}
            for number, name in enumerate(("Admin", "Gamma", "sql_lab", "Stakeholder", "Suites: old"), 1)
        ],
        "security/users": [{"username": "admin"}],
        "rowlevelsecurity": [
            {
                "id": 8,
                "name": "Trailhouse suites: old",
                "filter_type": "Regular",
                "tables": [{"id": 5}],
                "roles": [{"id": 5}],
                "clause": "suite_id in ('old')",
                "group_key": None,
            },
            {"id": 9, "name": "somebody else's"},
        ],
    }
    made.objects = {
        "security/roles/2/permissions": list_permissions(("can_write", "Chart"), ("can_write", "RowLevelSecurity")),
        "security/roles/3/permissions": list_permissions(("can_execute_sql_query", "SQLLab")),
        "security/roles/4/permissions": list_permissions(("can_read", "Chart"), ("can_write", "Chart")),
        "security/roles/5/permissions": [],
    }
    made.answers["security/roles"] = lambda role: {"id": {"Researcher": 20, "Suites: partners": 21}[role["name"]]}
    return made


def test_the_drift_names_every_role_and_rule_that_differs(superset):
    drift = find_access_drift(superset, ASSETS, PARTNERS)
    rules = ["nobody else", "tables of all suites", "partners"]
    assert set(drift.missing) == {"role Researcher", "role Suites: partners"} | {
        f"rule Trailhouse suites: {name}" for name in rules
    }
    assert drift.changed == ("role Stakeholder",)
    assert set(drift.superfluous) == {"role Suites: old", "rule Trailhouse suites: old"}
    assert superset.changes == []


def test_roles_get_exactly_their_permissions_and_old_ones_are_deleted(superset):
    changes = grant_access(superset, ASSETS, Access({}))
    assert changes == [
        "created role Researcher",
        "changed role Stakeholder",
        "removed role Suites: old",
        "removed rule Trailhouse suites: old",
    ]
    granted = {
        url: set(body["permission_view_menu_ids"])
        for kind, url, *rest in superset.changes
        if kind == "post" and url.endswith("permissions")
        for body in rest
    }
    assert granted == {
        "security/roles/4/permissions": STAKEHOLDER_IDS,
        "security/roles/20/permissions": RESEARCHER_IDS,
    }
    deletions = [change[1:] for change in superset.changes if change[0] == "delete"]
    assert deletions == [("security/roles/5",), ("rowlevelsecurity/8",)]


def test_a_changed_rule_is_put_and_a_missing_one_is_posted(superset):
    superset.lists["security/roles"] += [{"id": 20, "name": "Researcher"}, {"id": 21, "name": "Suites: partners"}]
    superset.objects |= {"security/roles/20/permissions": [], "security/roles/21/permissions": []}
    superset.lists["rowlevelsecurity"][0]["name"] = "Trailhouse suites: partners"
    grant_access(superset, ASSETS, PARTNERS)
    rules = {(kind, url): [] for kind, url, *_ in superset.changes if "rowlevel" in url}
    for kind, url, *rest in superset.changes:
        if "rowlevel" in url:
            rules[kind, url] += [(body["name"], body["tables"], body["roles"], body["clause"]) for body in rest]
    assert rules == {
        ("post", "rowlevelsecurity"): [
            ("Trailhouse suites: nobody else", [5], [1, 20, 21], "1 = 0"),
            ("Trailhouse suites: tables of all suites", [6], [1, 20], "1 = 0"),
        ],
        ("put", "rowlevelsecurity/8"): [("Trailhouse suites: partners", [5], [21], "suite_id in ('a', 'b')")],
    }


def test_a_user_gets_the_role_the_groups_and_a_new_password(superset):
    password = add_user(superset, "ana", "stakeholder", ["old"])
    ((_, url, person),) = superset.changes
    assert (url, person["roles"], person["password"]) == ("security/users", [4, 5], password)
    assert password != add_user(superset, "ben", "stakeholder")
    assert len(password) == 20


@pytest.mark.parametrize(
    ("name", "role", "groups", "message"),
    [
        ("ana", "admin", (), "there is no role 'admin'"),
        ("ana", "stakeholder", ("new",), "Superset has no role 'Suites: new'"),
        ("ana", "researcher", (), "Superset has no role 'Researcher'"),
        ("admin", "stakeholder", (), "there is a user 'admin' already"),
    ],
)
def test_a_user_that_cannot_be_made_is_refused(superset, name, role, groups, message):
    with pytest.raises(UsageError, match=message):
        add_user(superset, name, role, groups)
    assert superset.changes == []
