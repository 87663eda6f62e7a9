"""The access file: which groups of readers see which suites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from trailhouse.errors import UsageError

_SUITE_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Access:
    """Groups of readers, and the suites each may see; without groups everybody sees all."""

    suites_by_group: Mapping[str, tuple[str, ...]]


def read_access(path: Path) -> Access:
    """Read the access file; one that is absent restricts nobody.

    Raises UsageError naming the group or suite that is wrong.
    """
    if not path.exists():
        return Access({})
    hint = f"write {path} as `groups: {{readers: [suite-1, suite-2]}}`"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}", hint) from error
    groups = content.get("groups") if isinstance(content, dict) else None
    if not isinstance(groups, dict) or set(content) != {"groups"}:
        raise UsageError(f"{path} must hold `groups` and nothing else", hint)
    for group, suites in groups.items():
        if not isinstance(group, str) or not isinstance(suites, list) or not suites:
            raise UsageError(f"{path}: group {group!r} must list the suites it sees", hint)
        for suite in suites:
            if not isinstance(suite, str) or not _SUITE_NAME.fullmatch(suite):
                raise UsageError(f"{path}: group {group!r}: {suite!r} is not the name of a suite", hint)
    return Access({group: tuple(suites) for group, suites in groups.items()})
