"""Starting and stopping Superset's processes, with programs that stand in for Superset's own."""

import json
import os
import stat
import sys
import threading

import pytest

from trailhouse.dashboards.superset.installation import SupersetInstallation
from trailhouse.dashboards.superset.superset_process import ensure_superset, find_superset, stop_superset
from trailhouse.errors import UnreachableError, UsageError
from trailhouse.support.processes import find_free_port, is_alive

# Answers /health as Superset does, at the address after --bind.
GUNICORN = """#!{python}
import http.server, os, sys
host, port = sys.argv[sys.argv.index("--bind") + 1].split(":")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK" if self.path == "/health" else b"other")
print("serving", os.environ["TRAILHOUSE_SUPERSET_DIRECTORY"], os.environ["WAREHOUSE"], flush=True)
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""
# Prepares metadata: it only adds a line to prepared.log, with its arguments and the password that it is given.
PYTHON = """#!{python}
import os, sys
with open(os.environ["TRAILHOUSE_SUPERSET_DIRECTORY"] + "/prepared.log", "a") as file:
    file.write(" ".join(sys.argv[2:]) + " " + sys.stdin.readline())
"""
FAILING = "#!{python}\nimport sys\nprint('first line')\nsys.exit('no such module')\n"


def write_program(installation, name, text):
    program = installation.environment / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text.replace("{python}", sys.executable))
    program.chmod(0o755)


@pytest.fixture
def installation(tmp_path):
    made = SupersetInstallation(tmp_path / "environment", tmp_path / "state", {"WAREHOUSE": "here"}, dict(os.environ))
    write_program(made, "gunicorn", GUNICORN)
    write_program(made, "python", PYTHON)
    yield made
    stop_superset(made)


def read_preparations(installation) -> list[str]:
    return (installation.directory / "prepared.log").read_text().splitlines()


def test_it_is_started_once_found_and_stopped(installation):
    assert find_superset(installation) is None
    url = ensure_superset(installation, 0)
    assert ensure_superset(installation, 0) == find_superset(installation) == url
    assert installation.log_file.read_text().splitlines()[0] == f"serving {installation.directory} here"
    pid = json.loads((installation.directory / "server.json").read_text())["pid"]
    assert stop_superset(installation)
    assert not is_alive(pid)
    assert not (installation.directory / "server.json").exists()
    assert find_superset(installation) is None
    assert not stop_superset(installation)


def test_two_callers_at_once_get_the_same_server(installation):
    urls = []
    threads = [threading.Thread(target=lambda: urls.append(ensure_superset(installation, 0))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 2
    assert len(set(urls)) == 1


def test_a_given_port_is_used_and_a_taken_one_is_refused(installation, tmp_path):
    port = find_free_port()
    assert ensure_superset(installation, port) == f"http://127.0.0.1:{port}"
    other = SupersetInstallation(installation.environment, tmp_path / "other", {"WAREHOUSE": ""}, dict(os.environ))
    with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 is taken"):
        ensure_superset(other, port)


def test_metadata_are_prepared_with_the_password_and_again_only_after_a_change(installation):
    ensure_superset(installation, 0)
    password = installation.read_admin_password()
    assert read_preparations(installation) == [f"admin {password}"]
    stop_superset(installation)
    ensure_superset(installation, 0)
    assert len(read_preparations(installation)) == 1
    stop_superset(installation)
    installation.admin_password_file.write_text("changed\n")
    ensure_superset(installation, 0)
    assert read_preparations(installation)[1:] == ["admin changed"]


def test_secrets_are_made_once_and_readable_by_their_owner_only(installation):
    ensure_superset(installation, 0)
    files = [installation.secret_key_file, installation.admin_password_file]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    texts = [file.read_text() for file in files]
    assert [len(text.strip()) for text in texts] == [64, 24]
    stop_superset(installation)
    ensure_superset(installation, 0)
    assert [file.read_text() for file in files] == texts
    stop_superset(installation)
    installation.admin_password_file.chmod(0o644)
    with pytest.raises(UsageError, match="open to other users"):
        ensure_superset(installation, 0)


@pytest.mark.parametrize("program", ["gunicorn", "python"])
def test_a_program_that_fails_is_reported_with_its_last_line(installation, program):
    write_program(installation, program, FAILING)
    with pytest.raises(UnreachableError, match="no such module"):
        ensure_superset(installation, 0)
    assert find_superset(installation) is None


def test_an_environment_that_is_not_installed_is_named(installation, tmp_path):
    missing = SupersetInstallation(tmp_path / "nowhere", tmp_path / "state", {}, {})
    with pytest.raises(UsageError, match="nowhere is not installed: it has no gunicorn"):
        ensure_superset(missing, 0)
