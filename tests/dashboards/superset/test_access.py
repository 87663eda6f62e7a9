"""What each role may do, requested from a real Superset as a user of that role, and from the warehouse behind it."""

import json

import pytest
import requests

from trailhouse.dashboards.publish.access import find_access_drift, grant_access
from trailhouse.dashboards.publish.access_file import Access, read_access
from trailhouse.dashboards.publish.normalised_assets import read_bundle
from trailhouse.flows.publish_dashboards import compile_assets

pytestmark = pytest.mark.slow

# Functions that reach files, other hosts or processes; as table functions, and as ordinary functions if they exist.
FORBIDDEN_SQL = (
    "select * from url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "select * from file('/etc/passwd', 'CSV', 'a String')",
    "select file('/etc/passwd')",
    "select * from remote('127.0.0.1:1', 'system', 'one')",
    "select * from remoteSecure('127.0.0.1:1', 'system', 'one')",
    "select * from s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
    "select * from executable('id', 'TSV', 'a String')",
    "select * from mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "select * from postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "select * from hdfs('hdfs://127.0.0.1:1/a', 'CSV', 'a String')",
    "select * from sqlite('/tmp/a.db', 'b')",
    "select a from (select * from `url`('http://127.0.0.1:1/', 'CSV', 'a String'))",
)


@pytest.fixture(scope="module")
def stakeholder(superset):
    return superset.log_in("stakeholder")


@pytest.fixture(scope="module")
def researcher(superset):
    return superset.log_in("researcher")


def ask_sql_lab(user, sql: str) -> requests.Response:
    session = user.api()
    databases = session.get(f"{user.url}/api/v1/database/", timeout=60).json().get("result", [])
    body = {"database_id": databases[0]["id"] if databases else 1, "sql": sql, "queryLimit": 10, "runAsync": False}
    return session.post(f"{user.url}/api/v1/sqllab/execute/", json=body, timeout=60)


def test_a_stakeholder_sees_the_dashboards_and_their_charts(stakeholder, superset):
    session = stakeholder.api()
    shown = session.get(f"{stakeholder.url}/api/v1/dashboard/", timeout=60).json()["result"]
    there = superset.client().read_all("dashboard", "id,slug")
    assert {row["id"] for row in shown} == {row["id"] for row in there}
    charts = session.get(f"{stakeholder.url}/api/v1/dashboard/{there[0]['id']}/charts", timeout=60)
    assert charts.status_code == 200
    assert len(charts.json()["result"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "sqllab/execute/", {"database_id": 1, "sql": "select 1"}),
        ("PUT", "chart/1", {"slice_name": "taken"}),
        ("POST", "chart/", {"slice_name": "new", "viz_type": "table", "datasource_id": 1, "datasource_type": "table"}),
        ("DELETE", "chart/1", None),
        ("PUT", "dataset/1", {"description": "taken"}),
        ("POST", "dataset/", {"database": 1, "table_name": "raw_token", "schema": "trailhouse"}),
        ("GET", "dataset/", None),
        ("PUT", "dashboard/1", {"dashboard_title": "taken"}),
        ("DELETE", "dashboard/1", None),
        ("GET", "database/", None),
        ("GET", "assets/export/", None),
        ("GET", "chart/export/?q=!(1)", None),
        ("GET", "security/users/", None),
        ("GET", "explore/?slice_id=1", None),
        ("GET", "rowlevelsecurity/", None),
        ("GET", "log/", None),
    ],
)
def test_a_stakeholder_is_refused_everything_else(stakeholder, method, path, body):
    answer = stakeholder.api().request(method, f"{stakeholder.url}/api/v1/{path}", json=body, timeout=60)
    assert answer.status_code in (403, 404), answer.text


def test_a_researcher_runs_sql_as_the_read_only_user_of_the_warehouse(researcher):
    sql = "select count() as score_count, (select value from system.settings where name = 'readonly') as is_readonly"
    answer = ask_sql_lab(researcher, f"{sql} from raw_token_score")
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["data"]
    assert row["score_count"] > 0
    assert row["is_readonly"] == "2"  # the reader may change the settings of a query, and no data


@pytest.mark.parametrize("sql", FORBIDDEN_SQL)
def test_superset_refuses_a_researcher_functions_that_reach_beyond_the_warehouse(researcher, sql):
    answer = ask_sql_lab(researcher, sql)
    assert answer.status_code >= 400
    assert "function" in answer.text
    assert "not allowed" in answer.text or "disallowed" in answer.text.lower(), answer.text


@pytest.mark.parametrize("sql", FORBIDDEN_SQL)
def test_the_warehouse_refuses_the_reader_the_same_functions(superset, workplace, sql):
    endpoint = json.loads((workplace.settings.warehouse_directory / "server.json").read_text())["url"]
    password = (workplace.settings.warehouse_directory / "reader.password").read_text().strip()
    answer = requests.post(endpoint, data=sql.encode(), auth=("reader", password), timeout=60)
    assert answer.status_code >= 400, answer.text
    assert any(code in answer.text for code in ("ACCESS_DENIED", "UNKNOWN_FUNCTION", "READONLY")), answer.text


@pytest.mark.parametrize("sql", ["drop table raw_token_score", "insert into raw_suite (suite_id) values ('taken')"])
def test_nobody_writes_through_sql_lab(researcher, workplace, sql):
    before = workplace.query("select count() from raw_suite")
    assert ask_sql_lab(researcher, sql).status_code >= 400
    assert workplace.query("select count() from raw_suite") == before


def test_a_group_sees_its_suites_and_nothing_else(superset, workplace):
    client = superset.client()
    assets = read_bundle(compile_assets(workplace.settings))
    with_suite = next(
        asset
        for asset in assets.values()
        if asset.name == "fct_validation_perplexity_by_checkpoint" and asset.key.kind == "datasets"
    )
    ((suite, expected),) = workplace.query(
        "select suite_id, uniqExact(step) from fct_validation_perplexity_by_checkpoint group by suite_id"
    )
    groups = {"own": (suite,), "outsiders": ("another-suite",)}
    grant_access(client, assets, Access(groups))
    assert grant_access(client, assets, Access(groups)) == []
    datasets = {row["uuid"]: row["id"] for row in client.read_all("dataset", "id,uuid")}

    def count_rows(user) -> int:
        body = {
            "datasource": {"id": datasets[with_suite.key.uuid], "type": "table"},
            "queries": [{"columns": ["suite_id", "step"], "metrics": [], "row_limit": 1000}],
        }
        answer = user.api().post(f"{user.url}/api/v1/chart/data", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"][0]["rowcount"]

    outsiders = superset.log_in("stakeholder", "outsiders")
    assert count_rows(superset.log_in("stakeholder", "own")) == expected
    assert count_rows(superset.log_in("stakeholder", "own", "outsiders")) == expected
    assert count_rows(outsiders) == 0
    assert count_rows(superset.log_in("researcher")) == expected
    assert len(grant_access(client, assets, Access({}))) > 0
    assert count_rows(outsiders) == expected


def test_a_role_changed_by_hand_and_a_deleted_rule_are_found_and_restored(superset, workplace, tmp_path):
    client = superset.client()
    assets = read_bundle(compile_assets(workplace.settings))
    file = tmp_path / "access.yaml"
    file.write_text("groups: {partners: [another-suite]}")
    access = read_access(file)
    rule = "Trailhouse suites: partners"
    before = find_access_drift(client, assets, access)
    assert {"role Suites: partners", f"rule {rule}"} <= set(before.missing)
    assert find_access_drift(client, assets, access) == before  # finding the drift changed nothing
    grant_access(client, assets, access)

    roles = {row["name"]: row["id"] for row in client.read_all("security/roles")}
    place = client.find_url("security/roles", str(roles["Stakeholder"]), "permissions")
    held = [row["id"] for row in client.get(f"{place}/").json()["result"]]
    extra = next(row["id"] for row in client.read_all("security/permissions-resources") if row["id"] not in held)
    client.post(place, json={"permission_view_menu_ids": [*held, extra]})
    rules = {row["name"]: row["id"] for row in client.read_all("rowlevelsecurity")}
    client.delete(client.find_url("rowlevelsecurity", str(rules[rule])))

    variables = {**superset.variables, "TRAILHOUSE_ACCESS_FILE": str(file)}
    check = workplace.run("publish", "--check", "--json", **variables)
    assert check.returncode == 4, check.stderr
    found = json.loads(check.stdout)
    kinds = ("missing", "changed", "superfluous")
    assert [found[kind] for kind in kinds] == [[f"rule {rule}"], ["role Stakeholder"], []]
    mended = workplace.run("publish", "--json", **variables)
    assert json.loads(mended.stdout)["access_changes"] == [f"created rule {rule}", "changed role Stakeholder"]
    assert workplace.run("publish", "--check", **variables).returncode == 0
    assert superset.run("publish").returncode == 0  # without the access file: the group and its rules are removed
    assert superset.run("publish", "--check").returncode == 0
