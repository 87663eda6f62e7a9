"""The first commands of a new user, from a wheel in an empty directory: a Trainer's folder becomes an answer."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from tests.support.paths import ROOT
from tests.support.trainer_runs import train
from trailhouse.server.process import stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

STEPS = 12  # with a checkpoint after every second step
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "data", "figures", "build", "dist", "__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """The command as a wheel installs it, in an environment that finds the other packages in this one."""
    directory = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT, directory / "source", symlinks=True, ignore=LEFT_OUT)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", directory, directory / "source"], check=True)
    environment = directory / "environment"
    venv.create(environment)
    python = environment / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", *directory.glob("*.whl")], check=True)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin" / "trailhouse"


@pytest.fixture
def place(tiny_template, tmp_path):
    """An empty directory but for the folder of a Trainer and a folder of texts."""
    run = tmp_path / "my-run"
    train(AutoModelForCausalLM.from_pretrained(tiny_template), run, STEPS, seed=7)
    for path in tiny_template.glob("token*"):
        shutil.copy(path, run)
    (tmp_path / "texts").mkdir()
    for number in range(12):
        (tmp_path / "texts" / f"{number}.txt").write_text(f"The parser reads file {number} and returns a tuple.")
    yield tmp_path
    stop(tmp_path / "data" / "warehouse")


def run_command(program: Path, place: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the README in a directory, and check that it succeeds."""
    name, *arguments = shlex.split(line, comments=True)
    assert name == "trailhouse"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRAILHOUSE", "PREFECT", "PYTHON"))}
    done = subprocess.run([program, *arguments], cwd=place, env=kept, capture_output=True, text=True, timeout=560)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def read_commands() -> tuple[list[str], list[str]]:
    """Return the first two blocks of commands of the README's section about the user's own checkpoints."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own checkpoints\n")[2]
    first, second, *_ = (block.splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    return first, second


def test_the_five_commands_of_the_readme_lead_to_an_answer(program, place):
    commands = read_commands()[1]
    assert len(commands) == 5
    done = [run_command(program, place, line) for line in commands]
    assert [line.split()[1] for line in commands] == ["suite", "corpus", "score", "transform", "ask"]
    assert f"{STEPS // 2} of {STEPS // 2} checkpoints scored" in done[2].stderr
    answer = done[4].stdout
    assert all(f" {step} " in answer for step in range(2, STEPS + 1, 2))
    assert "my-run/my-run" in answer


def test_quickstart_shows_its_commands_and_ends_with_findings(program, place):
    (line,) = read_commands()[0]
    said = run_command(program, place, line).stderr.splitlines()
    commands = [line.removeprefix("$ ") for line in said if line.startswith("$ trailhouse ")]
    assert [command.split()[1] for command in commands] == ["suite", "corpus", "score", "transform", "report"]
    assert len([line for line in said if line.startswith("- ")]) == 3
    assert (place / "data" / "reports" / "my-run.html").stat().st_size > 0
    repeated = [run_command(program, place, command).stderr for command in commands]
    assert "was already in" in repeated[0]
    assert "already there" in repeated[1]
    assert f"{STEPS // 2} scored already" in repeated[2]
    assert "nothing changed" in repeated[3]
