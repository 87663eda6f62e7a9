"""This module finds a model name and a step in the name of a repository, a revision, a directory or a file."""

from __future__ import annotations

import re
from pathlib import PurePath

from trailhouse.errors import UsageError

# A step has at most 18 digits, so that it fits an Int64.
STEP = re.compile(r"(?:checkpoint|global_step|iter|step)[-_]?(\d{1,18})(?!\d)", re.IGNORECASE)
# Names of directories and files that are never the name of a model.
NO_MODEL = re.compile(r"(?:hf|main|model|checkpoints?|final|latest|\.|)", re.IGNORECASE)


def parse_step(text: str) -> int | None:
    """Return the step in a revision or path such as `step1000` or `checkpoint-1000`; None if it has no step.

    If the text has several steps, the last one is returned.
    """
    found = STEP.findall(text)
    return int(found[-1]) if found else None


def parse_model_name(text: str) -> str | None:
    """Return the model name in a path or in the name of a hub repository; None if there is none.

    The model name is the last part of the path that can be a model name.
    """
    for part in reversed(PurePath(text.replace("\\", "/")).parts):
        name = STEP.sub("", part).strip("-_. /")
        if name and not NO_MODEL.fullmatch(name):
            return name
    return None


def compile_path_pattern(pattern: str) -> re.Pattern[str]:
    """Compile the value of the option --pattern, which is a regular expression for the paths of result files.

    Raises UsageError if the value is not a regular expression, or has neither a group ``model`` nor a group ``step``.
    """
    hint = r"write it like 'results/(?P<model>[^/]+)/step(?P<step>\d+)'"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--pattern {pattern!r} is not a regular expression: {error}", hint) from error
    if not {"model", "step"} & set(compiled.groupindex):
        raise UsageError(f"--pattern {pattern!r} has neither a group `model` nor a group `step`", hint)
    return compiled
