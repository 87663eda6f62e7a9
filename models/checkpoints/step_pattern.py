r"""This module reads the training position of a checkpoint from the name of its directory or branch.

A suite declares a step pattern. This is a regular expression that matches the complete name. The name of a group says
what the digits in the group count:

    step(?P<step>\d+)                                             step143000
    stage1-step(?P<step>\d+)-tokens(?P<tokens_billions>\d+)B      stage1-step1000-tokens5B

In a pattern without named groups, such as checkpoint-(\d+), the first group is the step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trailhouse.errors import BadInputError

TOKEN_UNITS = {
    "tokens": 1,
    "tokens_thousands": 10**3,
    "tokens_millions": 10**6,
    "tokens_billions": 10**9,
    "tokens_trillions": 10**12,
}
GROUP_NAMES = {"step", *TOKEN_UNITS}


@dataclass(frozen=True)
class TrainingPosition:
    """How far a checkpoint was trained."""

    step: int
    tokens_seen: int


def find_pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a step pattern, or None if nothing is wrong."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"no regular expression: {error}"
    if compiled.groups < 1:
        return "has no group for the step"
    unknown = sorted(set(compiled.groupindex) - GROUP_NAMES)
    if unknown:
        return f"has a group called {unknown[0]!r}; known are {', '.join(sorted(GROUP_NAMES))}"
    return None


def read_training_position(pattern: str, name: str, batch_tokens: int) -> TrainingPosition | None:
    """Return the step and the tokens seen that a name states, or None if the pattern does not match the complete name.

        tokens seen = step x batch_tokens      if the name states a step
        step = tokens / batch_tokens, rounded  if the name states tokens only

    Names usually state rounded numbers of tokens, for example in billions. If a name states both the step and tokens,
    the stated tokens are used only if they differ from step x batch_tokens by more than one unit, such as a billion.

    Raises BadInputError if the pattern matches but captures no number.
    """
    match = re.fullmatch(pattern, name)
    if match is None:
        return None
    named = {group: text for group, text in match.groupdict().items() if text is not None}
    stated_tokens, unit = _read_tokens(named, name)
    if named and "step" not in named:
        return TrainingPosition(round(stated_tokens / batch_tokens), stated_tokens)
    texts = [named["step"]] if named else [text for text in match.groups() if text is not None]
    step = _read_number(texts[0] if texts else "", name)
    tokens = step * batch_tokens
    return TrainingPosition(step, tokens if not unit or abs(tokens - stated_tokens) <= unit else stated_tokens)


def _read_tokens(named: dict[str, str], name: str) -> tuple[int, int]:
    """Return the number of tokens that a name states, and the unit of this number, such as a billion.

    Both are 0 if the name states no tokens.
    """
    for group, unit in TOKEN_UNITS.items():
        if group in named:
            return _read_number(named[group], name) * unit, unit
    return 0, 0


def _read_number(text: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadInputError(
            f"{name}: step_pattern captures {text!r}, which is no number", "let its groups match digits only"
        )
    return int(text)
