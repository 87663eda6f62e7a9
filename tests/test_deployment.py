"""The compose files and the Dockerfiles.

They are valid by the schema of the specification, have no default passwords, and name files that the repository holds.
"""

import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft202012Validator

from tests.support.paths import ROOT
from trailhouse.flows.services.environment_file import SECRETS
from trailhouse.server.sql.dashboard_rules import limit_settings

FILES = ["docker-compose.yml", "docker-compose.cluster.yml"]
TEXTS = {name: (ROOT / name).read_text() for name in FILES}
BASE, CLUSTER = (yaml.safe_load(TEXTS[name]) for name in FILES)
SERVICES = [(name, service) for name, service in BASE["services"].items()] + [
    (name, service) for name, service in CLUSTER["services"].items() if "image" in service
]
IS_SECRET = re.compile("PASSWORD|SECRET|AUTH|METADATA_URL|REDIS_URL|CONNECTION_URL")


@pytest.mark.parametrize("content", [BASE, CLUSTER], ids=FILES)
def test_a_compose_file_keeps_to_the_specification(content):
    errors = Draft202012Validator(get_builtin_schema("vendor.compose-spec")).iter_errors(content)
    assert [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors] == []


def test_the_schema_would_notice_a_mistake():
    wrong = {"services": {"x": {"image": "x", "helthcheck": {}}}}
    assert list(Draft202012Validator(get_builtin_schema("vendor.compose-spec")).iter_errors(wrong))


def test_every_variable_without_a_default_is_generated_and_every_generated_one_is_used():
    asked = {name for text in TEXTS.values() for name in re.findall(r"\$\{(\w+):\?", text)}
    asked |= {secret["environment"] for secret in BASE["secrets"].values()}
    assert asked == {secret.name for secret in SECRETS}


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_a_secret_never_has_a_default(name, service):
    values = {key: value for key, value in service.get("environment", {}).items() if IS_SECRET.search(key)}
    for key, value in values.items():
        assert re.search(r"\$\{\w+:\?run `trailhouse init-env` first\}", value), f"{name} {key}"


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_no_service_runs_as_root_or_gains_privileges(name, service):
    assert int(service["user"].split(":")[0]) > 0
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_a_service_says_whether_it_is_well_unless_it_only_runs_once(name, service):
    runs_once = service["restart"] == "on-failure:3"
    assert ("healthcheck" in service) != runs_once


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_a_service_listens_on_loopback_unless_told_otherwise(name, service):
    assert all(port.startswith("${TRAILHOUSE_BIND:-127.0.0.1}:") for port in service.get("ports", []))


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_a_service_waits_for_others_that_exist_and_can_say_they_are_ready(name, service):
    services = BASE["services"] | {k: v for k, v in CLUSTER["services"].items() if "image" in v}
    for other, wait in service.get("depends_on", {}).items():
        needed = {"service_healthy": "healthcheck", "service_completed_successfully": "command"}[wait["condition"]]
        assert needed in services[other]


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_a_service_mounts_only_what_the_repository_or_a_volume_holds(name, service):
    volumes = BASE["volumes"].keys() | CLUSTER["volumes"].keys()
    for mount in service.get("volumes", []):
        source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[0]
        assert source in volumes or source in ("./suites", "./checkpoints") or (ROOT / source).is_file(), mount


@pytest.mark.parametrize("name", ["trailhouse", "superset"])
def test_an_image_copies_what_is_there_and_does_not_end_as_root(name):
    lines = (ROOT / "docker" / f"{name}.Dockerfile").read_text().splitlines()
    sources = [source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]


def test_the_image_holds_every_room_of_the_package():
    copied = (ROOT / "docker" / "trailhouse.Dockerfile").read_text()
    rooms = [link.name for link in (ROOT / "trailhouse").iterdir() if link.is_symlink()]
    assert len(rooms) > 4
    assert [room for room in rooms if f"COPY {room} " not in copied] == []


def test_the_engine_reads_the_configuration_of_the_cluster(tmp_path):
    program = (
        "import sys, chdb; handle = chdb.connect(sys.argv[1]);"
        "print(handle.query('select cluster, shard_num, replica_num, host_name from system.clusters"
        " order by all', 'JSONCompactEachRow').bytes().decode());"
        "print(handle.query('select macro, substitution from system.macros order by all',"
        " 'JSONCompactEachRow').bytes().decode())"
    )
    configuration = ROOT / "docker" / "clickhouse" / "cluster.xml"
    answer = subprocess.run(
        [sys.executable, "-c", program, f"{tmp_path / 'engine'}?config-file={configuration}"],
        env={**os.environ, "SHARD": "2", "REPLICA": "1", "TRAILHOUSE_CLUSTER_SECRET": "x"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    rows = [json.loads(line) for line in answer.stdout.splitlines() if line]
    hosts = {(row[1], row[2]): row[3] for row in rows if row[0] == "trailhouse"}
    assert hosts == {(1, 1): "clickhouse", (1, 2): "clickhouse-1-2", (2, 1): "clickhouse-2-1", (2, 2): "clickhouse-2-2"}
    assert set(hosts.values()) <= CLUSTER["services"].keys()
    assert ["shard", "2"] in rows
    assert ["replica", "1"] in rows


def test_every_node_of_the_cluster_says_which_one_it_is():
    nodes = {
        name: (service["environment"]["SHARD"], service["environment"]["REPLICA"])
        for name, service in CLUSTER["services"].items()
        if name.startswith("clickhouse")
    }
    assert len(set(nodes.values())) == len(nodes) == 4
    keepers = ElementTree.parse(ROOT / "docker" / "clickhouse" / "keeper.xml").iterfind(".//server")
    listed = {keeper.findtext("hostname"): keeper.findtext("id") for keeper in keepers}
    assert listed == {
        name: service["environment"]["KEEPER_ID"]
        for name, service in CLUSTER["services"].items()
        if name.startswith("keeper")
    }


def test_the_users_of_the_server_may_look_at_one_database_and_nobody_comes_in_without_a_password(client):
    users = ElementTree.parse(ROOT / "docker" / "clickhouse" / "users.xml").getroot().find("users")
    found = {user.tag: user.get("remove") for user in users}
    assert found == {"default": "remove", "admin": None, "reader": None, "dashboards": None}
    for user in ("admin", "reader", "dashboards"):
        assert users.find(f"{user}/password").get("from_env") in TEXTS["docker-compose.yml"]
    tables = {"reader": r"trailhouse\.\*", "dashboards": r"trailhouse\.(fct|dim)_\*"}
    for user, allowed in tables.items():
        assert users.findtext(f"{user}/profile") == f"trailhouse_{user}"
        for grant in users.iterfind(f"{user}/grants/query"):
            question = "select formatQuerySingleLine({s:String})"
            parsed = client.query(question, parameters={"s": f"{grant.text} TO {user}"}).result_rows[0][0]
            assert re.match(rf"GRANT SELECT(, SHOW)? ON ({allowed}|system\.\w+) TO {user}$", parsed), parsed


def test_the_limits_of_the_servers_users_are_those_of_the_embedded_server_and_cannot_be_lifted():
    profiles = ElementTree.parse(ROOT / "docker" / "clickhouse" / "users.xml").getroot().find("profiles")
    reader, dashboards = profiles.find("trailhouse_reader"), profiles.find("trailhouse_dashboards")
    for profile in (reader, dashboards):
        limits = {element.tag for element in profile} - {"readonly", "constraints", "queue_max_wait_ms"}
        assert {element.tag for element in profile.find("constraints")} == limits
    for constraint in reader.find("constraints"):  # 0 means no limit
        assert float(constraint.findtext("min")) > 0
        assert constraint.findtext("max")
    assert all(constraint.find("const") is not None for constraint in dashboards.find("constraints"))
    for name in ("max_execution_time", "max_threads", "max_result_rows", "max_result_bytes"):
        assert dashboards.findtext(name) == limit_settings(1 << 40)[name], name
