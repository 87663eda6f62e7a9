"""The tutorial works: its blocks are run in an empty directory, one after the other, as a reader would."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS, CodeBlock, list_code_blocks
from tests.support.workplace import COMMAND, Workplace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PAGE = DOCS / "tutorial" / "first_run.md"
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
PARENTHESIS = re.compile(r"\([^)]*\)")
FRAME = re.compile(r"[^\w#$/.:;,'()%-]+")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    place = tmp_path_factory.mktemp("reader")
    programs = place / "bin"
    programs.mkdir()
    for name, words in {"python": COMMAND[:1], "trailhouse": COMMAND}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (programs / name).chmod(0o755)
    yield place
    Workplace(place / "work").run("stop")


@pytest.fixture(scope="module")
def outputs(directory) -> list[tuple[CodeBlock, str]]:
    """Each block of output on the page, and what the commands before it really print."""
    work = directory / "work"
    work.mkdir()
    variables = {"PATH": f"{directory / 'bin'}:{os.environ['PATH']}", "COLUMNS": "120", "HF_HUB_OFFLINE": "1"}
    environment = Workplace(work).environment(**variables)
    found: list[tuple[CodeBlock, str]] = []
    printed = ""
    for block in list_code_blocks(PAGE, "python", "sh", ""):
        if block.language == "python":
            (work / "train_tiny.py").write_text(block.text)
        elif block.language == "sh":
            result = subprocess.run(
                ["bash", "-e", "-c", block.text], cwd=work, env=environment, capture_output=True, text=True, timeout=900
            )
            assert result.returncode == 0, f"line {block.line}: {result.stderr}"
            printed = result.stdout + result.stderr
        else:
            found.append((block, printed))
    return found


def find_shapes(text: str) -> set[str]:
    """Return the lines of a text without numbers, parentheses, the frames of tables and spaces."""
    lines = (FRAME.sub(" ", NUMBER.sub("0", PARENTHESIS.sub("", line))).strip() for line in text.splitlines())
    return {re.sub(r"(0[ %]*)+", "0 ", line).strip() for line in lines if line}


def test_every_command_of_the_tutorial_succeeds_and_prints_what_the_page_shows(outputs):
    assert len(outputs) >= 5
    missing = [
        f"line {block.line}: {line!r}"
        for block, printed in outputs
        for line in sorted(find_shapes(choose_fixed_lines(block.text)) - find_shapes(printed))
    ]
    assert missing == []


def choose_fixed_lines(text: str) -> str:
    """Return the lines of an output that are the same for every run: sentences, and a table up to its head."""
    lines = [line for line in text.splitlines() if not re.search(r"[{}⏎]|^\.\.\.$", line)]
    heads = [index for index, line in enumerate(lines) if line.startswith(("┡", "┗"))]
    return "\n".join(lines[: heads[0]] if heads else lines)


def test_the_tutorial_leaves_the_files_that_it_names(outputs, directory):
    names = set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:html|jsonl|yaml))`", PAGE.read_text()))
    assert {"passage.html", "tiny-run.html", "suites/tiny-run.yaml"} <= names
    assert [name for name in names if not Path(directory / "work" / name).is_file()] == []
