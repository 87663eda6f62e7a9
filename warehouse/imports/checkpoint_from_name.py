"""Recognising which model and which step a name speaks of: a hub repository, a revision, a directory, a file."""

from __future__ import annotations

import re
from pathlib import PurePath

from trailhouse.errors import UsageError

STEP = re.compile(r"(?:checkpoint|global_step|iter|step)[-_]?(\d{1,18})", re.IGNORECASE)
# Parts of a path that name no model.
NO_MODEL = re.compile(r"(?:hf|main|model|checkpoints?|final|latest|\.|)", re.IGNORECASE)
MAXIMUM_STEP = 2**63 - 1


def parse_step(text: str) -> int | None:
    """Return the step that a revision or path speaks of: the last `step1000`, `step-1000`, `checkpoint-1000`."""
    found = STEP.findall(text)
    return int(found[-1]) if found else None


def parse_model_name(text: str) -> str | None:
    """Return the model that a hub repository or a path speaks of: its last part that is no step."""
    for part in reversed(PurePath(text.replace("\\", "/")).parts):
        name = STEP.sub("", part).strip("-_. /")
        if name and not NO_MODEL.fullmatch(name):
            return name
    return None


def compile_path_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern for paths with the groups ``model``, ``step`` or both; raises UsageError if it has neither."""
    hint = r"write it like 'results/(?P<model>[^/]+)/step(?P<step>\d+)'"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--pattern {pattern!r} is no regular expression: {error}", hint) from error
    if not {"model", "step"} & set(compiled.groupindex):
        raise UsageError(f"--pattern {pattern!r} has neither a group `model` nor a group `step`", hint)
    return compiled
