"""This module reads the access file, which states the suites that each group of readers may see.

For example, the file may contain:

groups:
  partners: [suite-1, suite-2]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.declarations import Declaration, Text, mistake, read_declaration

HINT = "write the file as `groups: {readers: [suite-1, suite-2]}`"
SUITE_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Access:
    """The suites that each group of readers may see. If there are no groups, everybody sees all suites."""

    suites_by_group: Mapping[str, tuple[str, ...]]


def check_suite(name: str) -> str:
    """Return the name if it is a valid name of a suite.

    Raises an error for any other text, because the name becomes part of the SQL of a row-level security rule.
    """
    if not SUITE_NAME.fullmatch(name):
        raise mistake(f"{name!r} is not the name of a suite", HINT)
    return name


def check_suites(suites: tuple[str, ...]) -> tuple[str, ...]:
    """Return the suites of a group. A group without suites is refused."""
    if not suites:
        raise mistake("a group must list the suites that it sees", HINT)
    return suites


class AccessDeclaration(Declaration):
    """The content of the access file."""

    groups: dict[Text, Annotated[tuple[Annotated[str, AfterValidator(check_suite)], ...], AfterValidator(check_suites)]]


def read_access(path: Path) -> Access:
    """Return the content of the access file. If the file does not exist, nobody is restricted.

    Raises UsageError with file, line and field of the first mistake.
    """
    if not path.exists():
        return Access({})
    try:
        return Access(read_declaration(path, AccessDeclaration).groups)
    except BadInputError as error:  # the access file is configuration, so the error is a UsageError
        raise UsageError(error.message, error.hint) from error
