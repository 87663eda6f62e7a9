"""One Superset on the warehouse of the demonstration. The commands start it and publish the dashboards."""

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import requests

from tests.support.paths import ROOT
from tests.support.workplace import Workplace
from trailhouse.dashboards.publish.client import PublishingClient

ENVIRONMENT = ROOT / ".venv-superset"


@dataclass(frozen=True)
class RunningSuperset:
    """A Superset with published dashboards, as one of its users sees it."""

    url: str
    user: str
    password: str
    workplace: Workplace
    variables: Mapping[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.workplace.run(*arguments, **self.variables)

    def client(self) -> PublishingClient:
        return PublishingClient(self.url, self.user, self.password)

    def log_in(self, role: str, *groups: str) -> "RunningSuperset":
        """Return the same Superset for a new user, whom the command makes."""
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        options = [option for group in groups for option in ("--group", group)]
        result = self.run("dashboards", "add-user", name, "--role", role, *options)
        assert result.returncode == 0, result.stderr
        return replace(self, user=name, password=result.stdout.strip())

    def forget_results(self) -> None:
        """Drop the cached results of every dataset."""
        client = self.client()
        uids = [f"{row['id']}__table" for row in client.read_all("dataset", "id")]
        client.post(client.find_url("cachekey", "invalidate"), json={"datasource_uids": uids})

    def api(self) -> requests.Session:
        """Return a session of this user: logged in, and with a CSRF token."""
        session = requests.Session()
        answer = session.post(
            f"{self.url}/api/v1/security/login",
            json={"username": self.user, "password": self.password, "provider": "db"},
            timeout=60,
        )
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        token = session.get(f"{self.url}/api/v1/security/csrf_token/", timeout=60).json()["result"]
        session.headers.update({"X-CSRFToken": token, "Referer": self.url})
        return session


@contextmanager
def run_superset(workplace: Workplace) -> Iterator[RunningSuperset]:
    """Start Superset on the warehouse of a workplace, publish the dashboards, and stop it at the end."""
    if not ENVIRONMENT.exists():
        pytest.skip("Superset's environment is not installed: make test installs it")
    variables = {"TRAILHOUSE_SUPERSET_ENVIRONMENT": str(ENVIRONMENT), "TRAILHOUSE_SUPERSET_PORT": "0"}
    started = workplace.run("dashboards", "start", "--json", **variables)
    assert started.returncode == 0, started.stderr
    password = (workplace.settings.superset_directory / "admin.password").read_text().strip()
    yield RunningSuperset(json.loads(started.stdout)["url"], "admin", password, workplace, variables)
    stopped = workplace.run("dashboards", "stop", **variables)
    assert "stopped Superset" in stopped.stderr


@pytest.fixture(scope="package")
def superset(demo, workplace) -> Iterator[RunningSuperset]:
    """A running Superset with the dashboards, stopped when the tests of this directory are done."""
    with run_superset(workplace) as running:
        yield running
