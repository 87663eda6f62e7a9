"""Who gets in: passwords, ways to give them, Host and Origin."""

from __future__ import annotations

import socket
import subprocess
import sys

import httpx
import pytest

from tests.support.credentials import basic, invalid_queries, wrong_ways
from trailhouse.errors import UsageError
from trailhouse.server.access.credentials import Role, ensure_credentials, password_path, read_credentials
from trailhouse.server.process import ensure_running, stop
from trailhouse.server.serve import serve


def send(server, headers=None, params=None, query="SELECT 1") -> httpx.Response:
    return httpx.post(server.url, headers=headers, params=params, content=query)


@pytest.mark.parametrize("user", ["admin", "reader"])
def test_each_way_of_giving_the_password_works(server, user):
    password = dict([server.admin, server.reader])[user]
    assert send(server, basic(user, password)).text == "1\n"
    assert send(server, {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}).text == "1\n"
    assert send(server, params={"user": user, "password": password}).text == "1\n"


def test_no_password_is_401_and_says_how_to_give_one(server):
    answer = send(server)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (401, "194")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_no_wrong_mixed_or_empty_credentials_get_in(server):
    ways = wrong_ways(server.admin[1], server.reader[1])
    assert len(ways) >= 60
    for headers, params in ways:
        answer = send(server, headers, params)
        assert answer.status_code in (401, 403), (headers, params)
        assert server.admin[1] not in answer.text
        assert answer.text != "1\n"
    for query in invalid_queries(server.admin[1]):
        assert httpx.post(f"{server.url}/?{query}", content="SELECT 1").status_code in (401, 403), query


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "localhost.evil", "", "[::2]:80"]
)
def test_a_host_header_of_another_name_is_refused(server, host):
    answer = send(server, basic(*server.admin) | {"Host": host})
    assert answer.status_code == 403


def test_loopback_by_any_of_its_names_is_served(server):
    port = httpx.URL(server.url).port
    for host in [f"127.0.0.1:{port}", f"localhost:{port}", "localhost", f"[::1]:{port}"]:
        assert send(server, basic(*server.admin) | {"Host": host}).text == "1\n"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_requests_from_other_sites_are_refused(server, headers):
    assert send(server, basic(*server.admin) | headers).status_code == 403


def test_a_page_of_the_server_itself_may_ask(server):
    assert send(server, basic(*server.admin) | {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}).text == "1\n"


def test_passwords_lie_in_files_of_the_owner_only(tmp_path):
    made = ensure_credentials(tmp_path)
    assert made == ensure_credentials(tmp_path) == read_credentials(tmp_path)
    for role in Role:
        assert password_path(tmp_path, role).stat().st_mode & 0o777 == 0o600
    assert made.admin_password not in repr(made)
    password_path(tmp_path, Role.ADMIN).chmod(0o644)
    with pytest.raises(UsageError, match="open to other users"):
        read_credentials(tmp_path)


def test_no_password_is_seen_in_processes_or_logs(server):
    pid = subprocess.run(["cat", server.directory / "server.json"], capture_output=True, text=True).stdout
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    log = (server.directory / "server.log").read_text()
    for secret in (server.admin[1], server.reader[1]):
        assert secret not in commands + log + pid


def test_an_open_address_needs_passwords_written_beforehand(tmp_path):
    with pytest.raises(UsageError, match="opens the warehouse to the network"):
        serve(tmp_path / "new", "0.0.0.0", 0)
    assert not (tmp_path / "new" / "metadata").exists()


def test_the_server_listens_on_loopback_only(server):
    port = httpx.URL(server.url).port
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        with socket.socket() as probe:
            probe.settimeout(1)
            assert address.startswith("127.") or probe.connect_ex((address, port)) != 0


def test_importing_the_process_module_does_not_start_an_engine():
    code = "import trailhouse.server.process, sys; print('chdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_directory_that_others_could_look_into_is_closed_with_all_that_is_made_in_it(tmp_path):
    directory = tmp_path / "open"
    directory.mkdir(mode=0o755)
    endpoint = ensure_running(directory)
    for statement in ("CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a", "INSERT INTO t VALUES (1)"):
        httpx.post(endpoint.url, auth=(endpoint.user, endpoint.password), content=statement).raise_for_status()
    stop(directory)
    made = [path for path in (directory, *directory.rglob("*")) if not path.is_symlink()]
    assert len(made) > 10
    assert [path for path in made if path.stat().st_mode & 0o077] == []
