"""The commands that the documentation shows exist, with their options. Nothing is run."""

import re

import pytest
import typer
from typer.core import TyperArgument, TyperGroup
from typer.exceptions import TyperException

from tests.documentation.pages import list_code_blocks, list_code_spans, list_pages
from tests.documentation.reference.commands_page import read_command_line
from tests.documentation.shell_commands import find_calls
from tests.support.paths import ROOT

PAGES = [page for page in list_pages() if page.name != "CHANGELOG.md"]  # earlier versions had other commands
PLACEHOLDER = re.compile(r"\.\.\.|…")


@pytest.fixture(scope="module")
def command_line() -> TyperGroup:
    return read_command_line()


def find_mistake(command_line, arguments, *, is_complete=True):
    """Return what is wrong with the arguments of `trailhouse`, or None. Values are not looked at."""
    command, words = command_line, list(arguments)
    while words and words[0] in ("--debug",):
        words.pop(0)
    while isinstance(command, TyperGroup):
        if not words or words == ["--help"] or words == ["--version"]:
            return "it names no command" if is_complete and not words else None
        name = words.pop(0)
        if name.isupper():
            return None  # it stands for any command
        if name not in command.commands:
            return f"there is no command {name!r}"
        command = command.commands[name]
    if "--help" in words:
        return None
    context = typer.Context(command)
    try:
        values, left_over, _ = command.make_parser(context).parse_args(words)
    except TyperException as error:
        return error.format_message()
    if left_over:
        return f"it has too many arguments: {left_over}"
    missing = [one.name for one in command.params if one.required and values.get(one.name) in (None, [], ())]
    arguments_only = [one.name for one in command.params if isinstance(one, TyperArgument)]
    return f"it lacks {missing}, of the arguments {arguments_only}" if is_complete and missing else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_block_of_shell_code_can_be_parsed(page, command_line):
    mistakes = [
        f"line {block.line}: trailhouse {' '.join(call)}: {mistake}"
        for block in list_code_blocks(page, "sh")
        for call in find_calls(block.text, "trailhouse")
        if (mistake := find_mistake(command_line, call))
    ]
    assert mistakes == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_text_exists_with_its_options(page, command_line):
    mistakes = [
        f"{span}: {mistake}"
        for span in list_code_spans(page)
        if span.startswith("trailhouse ") and not PLACEHOLDER.search(span)
        for call in find_calls(re.sub(r"[\[\]]", "", span), "trailhouse")  # brackets mark what may be left out
        if (mistake := find_mistake(command_line, call, is_complete=False))
    ]
    assert mistakes == []


def test_every_target_of_make_in_the_documentation_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {
        word
        for page in PAGES
        for block in list_code_blocks(page, "sh")
        for call in find_calls(block.text, "make")
        for word in call
        if "=" not in word
    }
    assert called
    assert called <= targets


@pytest.mark.parametrize(
    ("code", "mistake"),
    [
        ("trailhouse scores my-run", "there is no command 'scores'"),
        ("X=1 srun trailhouse score my-run --corpus a --no-such", "No such option"),
        ("cat x | trailhouse sql - --csv > out.csv", None),
        ("trailhouse init && .venv/bin/trailhouse corpus ad", "there is no command 'ad'"),
        ("trailhouse score my-run", "it lacks ['corpus']"),
        ("trailhouse stop now # twice", "it has too many arguments"),
        ("echo trailhouse-like", None),
    ],
)
def test_mistakes_are_noticed(code, mistake, command_line):
    mistakes = [find_mistake(command_line, call) for call in find_calls(code, "trailhouse")]
    found = next((one for one in mistakes if one), None)
    assert (found is None) if mistake is None else (mistake in found)
