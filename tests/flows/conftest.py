"""Fixtures: commands that run in this process against a test database, and tiny suites for them."""

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_in_process import prepare_command
from tests.support.nudged_weights import nudge_weights
from tests.support.tiny_suite import TinySuite, make_template
from tests.support.tiny_suite import make_suite as make_suite_of_tiny_models

SUITE = """\
suite: {name}
description: Checkpoints copied from the demonstration
source: folder
models:
  - name: copied
    location: {location}
    step_pattern: 'step-(\\d+)'
    batch_tokens: 512
    planned_steps: 120
    context_length: 128
"""


@pytest.fixture
def trailhouse(address, command_server, tmp_path, monkeypatch, capfd):
    """Run a command in this process against the test database; returns (exit code, stdout, stderr)."""
    return prepare_command(address, tmp_path, monkeypatch, capfd)


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory) -> Path:
    """A tiny checkpoint that suites are copied from."""
    return make_template(tmp_path_factory.mktemp("tiny") / "template")


@pytest.fixture
def make_tiny_suite(tiny_template, tmp_path) -> Callable[..., TinySuite]:
    """Make a suite of tiny models below the test's directory."""

    def make(name: str, steps: list[int]) -> TinySuite:
        return make_suite_of_tiny_models(tiny_template, tmp_path, name, steps)

    return make


@pytest.fixture(scope="session")
def trained_directory(reduced_suite_directory) -> Path:
    """The checkpoints of the reduced suite."""
    return reduced_suite_directory / "miniature-reduced"


@pytest.fixture
def make_suite(trained_directory, workplace, tmp_path):
    """Copy checkpoints of the reduced suite into a suite of their own; returns (declaration, directory).

    The weights are changed a little, and differently for each suite: equal weights would not be scored again.
    """

    def make(name: str, steps: list[int], *, is_changed: bool = True) -> tuple[str, Path]:
        directory = tmp_path / name
        for step in steps:
            source = trained_directory / "neox-medium" / f"step-{step}"
            shutil.copytree(source, directory / f"step-{step}")
            if is_changed:
                nudge_weights(directory / f"step-{step}", 1e-3 + zlib.crc32(name.encode()) * 1e-13)
        declaration = tmp_path / f"{name}.yaml"
        declaration.write_text(SUITE.format(name=name, location=directory))
        return str(declaration), directory

    return make


@pytest.fixture(scope="session")
def corpus(workplace) -> str:
    """A small corpus. Some characters of its texts take several bytes."""
    assert workplace.run("init").returncode == 0
    text = "The parser reads the file and returns a tuple — naïve, but 東京 and 🙂 work as well.\n"
    (workplace.directory / "texts").mkdir()
    for index in range(3):
        (workplace.directory / "texts" / f"{index}.txt").write_text(text * (index + 1) * 4)
    result = workplace.run("corpus", "add", "texts", "--name", "few")
    assert result.returncode == 0, result.stderr
    return "few"
