"""The page of commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from tests.documentation.reference.markdown import write_introduction, write_table, write_text
from trailhouse.cli.main import COMMANDS, make_app

INTRODUCTION = """\
`trailhouse COMMAND --help` shows the same on the terminal. Options that stand before the command: `--debug` shows the
traceback of an error, `--version` shows the version.
"""
Command = TyperCommand | TyperGroup


def write_commands_page() -> str:
    """Return the page of all commands, from their options and docstrings."""
    sections = [write_command(name, command) for name, command in walk_commands(read_command_line())]
    return "\n".join([write_introduction("Commands", INTRODUCTION), *sections])


def read_command_line() -> TyperGroup:
    """Return the complete command line."""
    group = typer.main.get_command(make_app(COMMANDS))
    assert isinstance(group, TyperGroup)
    return group


def walk_commands(group: TyperGroup, prefix: str = "trailhouse") -> Iterator[tuple[str, Command]]:
    """Yield every command with the words that call it, in the order of the help text."""
    for name, command in group.commands.items():
        assert isinstance(command, Command)
        yield f"{prefix} {name}", command
        if isinstance(command, TyperGroup):
            yield from walk_commands(command, f"{prefix} {name}")


def write_command(name: str, command: Command) -> str:
    """Return the section about one command: its help, how to call it, its arguments and options."""
    context = typer.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    records = [parameter.get_help_record(context) for parameter in command.params]
    # The site would show the backslash before an upright bar in code
    rows = [(f"`{record[0].replace('|', ', ')}`", write_text(record[1])) for record in records if record]
    level = "###" if name.count(" ") > 1 else "##"
    table = f"\n{write_table(('argument or option', 'meaning'), rows)}" if rows else ""
    return f"{level} {name}\n\n    {usage}\n\n{write_help(inspect.cleandoc(command.help or ''))}\n{table}"


def write_help(text: str) -> str:
    """Return the help of a command: its paragraphs, and its examples as blocks of code."""
    paragraphs = text.replace("\b", "").split("\n\n")
    return "\n\n".join(one if one.startswith("    ") else write_text(one) for one in paragraphs)
