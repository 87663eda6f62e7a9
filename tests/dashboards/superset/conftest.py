"""One Superset over the demonstration's warehouse, started and published by the real commands."""

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
import requests

from tests.support.paths import ROOT
from tests.support.workplace import Workplace
from trailhouse.dashboards.publish.client import PublishingClient

ENVIRONMENT = ROOT / ".venv-superset"


@dataclass(frozen=True)
class RunningSuperset:
    """A Superset with the dashboards in it, and the commands that act on it."""

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
        """A new user, made by the command, in place of the administrator."""
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        options = [option for group in groups for option in ("--group", group)]
        result = self.run("dashboards", "add-user", name, "--role", role, *options)
        assert result.returncode == 0, result.stderr
        return replace(self, user=name, password=result.stdout.strip())

    def forget_results(self) -> None:
        """Drop what is cached of every dataset."""
        client = self.client()
        uids = [f"{row['id']}__table" for row in client.read_all("dataset", "id")]
        client.post(client.find_url("cachekey", "invalidate"), json={"datasource_uids": uids})

    def api(self) -> requests.Session:
        """The session of a browser of this user: logged in, with the token that forms carry."""
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


@pytest.fixture(scope="package")
def superset(demo, workplace) -> Iterator[RunningSuperset]:
    """Superset with the dashboards published; stopped when the tests of this directory are done."""
    if not ENVIRONMENT.exists():
        pytest.skip("Superset's environment is not installed: make test installs it")
    variables = {"TRAILHOUSE_SUPERSET_ENVIRONMENT": str(ENVIRONMENT), "TRAILHOUSE_SUPERSET_PORT": "0"}
    started = workplace.run("dashboards", "start", "--json", **variables)
    assert started.returncode == 0, started.stderr
    password = (workplace.settings.superset_directory / "admin.password").read_text().strip()
    yield RunningSuperset(json.loads(started.stdout)["url"], "admin", password, workplace, variables)
    stopped = workplace.run("dashboards", "stop", **variables)
    assert "stopped Superset" in stopped.stderr
