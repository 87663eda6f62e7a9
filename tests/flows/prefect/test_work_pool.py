"""prefect.yaml on a real Prefect server: what it declares is there, and a worker of the pool runs it."""

import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.paths import ROOT

DECLARED = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
TASK = {
    "examples": [{"input": "the cat sat on the", "target_scores": {"mat": 1, "file": 0}}],
    "append_choices_to_input": False,
    "example_input_prefix": " ",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        version("sqlalchemy") >= "2.1", reason="Prefect schedules nothing with it: run `make environment`"
    ),
]


@pytest.fixture
def prefect(workplace, prefect_server, tmp_path):
    """Return a function that runs the command ``prefect`` against the test's Prefect server."""

    def run(*arguments: str, directory: Path = workplace.directory) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=directory,
            env=workplace.environment(PREFECT_API_URL=prefect_server, PREFECT_HOME=str(tmp_path / "prefect")),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    return run


def test_what_is_deployed_is_run_by_a_worker_of_the_pool(
    prefect, prefect_server, make_tiny_suite, corpus, workplace, tmp_path
):
    def ask(path: str, **body) -> list[dict] | dict:
        return httpx.post(f"{prefect_server}/{path}", json=body, timeout=30).raise_for_status().json()

    prefect("work-pool", "create", "--type", "process", "trailhouse")
    prefect("--no-prompt", "deploy", "--all", directory=ROOT)
    deployments = {one["name"]: one for one in ask("deployments/filter")}
    assert set(deployments) == {one["name"] for one in DECLARED}
    for one in deployments.values():
        assert one["work_pool_name"] == "trailhouse"
        assert one["pull_steps"] == [], "a worker would look for the directory of whoever deployed"
    assert {name for name, one in deployments.items() if one["global_concurrency_limit"]} == {
        "evaluate",
        "transform",
        "watch",
    }
    (schedule,) = deployments["watch"]["schedules"]
    assert (schedule["active"], schedule["schedule"]["interval"]) == (True, 300)
    # Paused, so that its schedule starts nothing: only the runs that are asked for below shall run
    httpx.patch(f"{prefect_server}/deployments/{deployments['watch']['id']}", json={"paused": True}, timeout=30)

    suite = make_tiny_suite("pooled", [0, 10])
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    wanted = {
        "score": {"suite": str(suite.declaration), "corpus": corpus},
        "evaluate": {"suite": str(suite.declaration), "places": [str(tmp_path / "task.json")], "shot_counts": [0]},
    }
    runs = [
        ask(f"deployments/{deployments[name]['id']}/create_flow_run", parameters=parameters)["id"]
        for name, parameters in wanted.items()
    ]
    prefect("worker", "start", "--pool", "trailhouse", "--run-once")
    for run in runs:
        state = httpx.get(f"{prefect_server}/flow_runs/{run}", timeout=30).json()["state"]
        assert state["type"] == "COMPLETED", state["message"]
    for table in ("raw_token_score", "raw_option_score"):
        steps = f"select distinct step from {table} where model_id = 'pooled/tiny' order by step"
        assert workplace.query(steps) == [(0,), (10,)]
    limits = [limit["name"] for limit in ask("v2/concurrency_limits/filter")]
    assert any(name.startswith("trailhouse-device-") and name.endswith("-cpu") for name in limits)
    assert not any(name.startswith("trailhouse-partition-") for name in limits), "claims go with the work"

    httpx.patch(f"{prefect_server}/deployments/{deployments['watch']['id']}", json={"paused": False}, timeout=30)
    assert workplace.run("notify", "pooled", PREFECT_API_URL=prefect_server).returncode == 0

    def triggered() -> bool:
        found = ask("flow_runs/filter", deployments={"name": {"any_": ["watch"]}})
        return any((run["created_by"] or {}).get("type") == "AUTOMATION" for run in found)

    deadline = time.monotonic() + 30
    while not triggered() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert triggered(), "the push started no look"
