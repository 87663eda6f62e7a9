"""JSON values with random damage: fields or items replaced, dropped, renamed or repeated."""

from __future__ import annotations

import json
import math
import random

STRANGE_VALUES: tuple[object, ...] = (
    None, True, -1, 1e308, 10**400, math.nan, math.inf, "", " ", "N/A", "nan", "step9", "\0", "\ud800",
    [], {}, [{}], [[[[]]]], {"": {}},
)  # fmt: skip
STRANGE_NAMES = ("", ",", "acc_stderr", "acc,none,none", "acc,", "é" * 300)


def mutate_value(value: object, source: random.Random) -> object:
    """Return the value with a random change at any depth; an object may have two of its fields changed."""
    if not isinstance(value, dict | list) or not value or source.random() < 0.15:
        return source.choice(STRANGE_VALUES)
    if isinstance(value, list):
        index, changed = source.randrange(len(value)), list(value)
        changed[index : index + 1] = source.choice(([], [value[index]] * 2, [mutate_value(value[index], source)]))
        return changed
    changed_fields = dict(value)
    for name in source.sample(list(value), k=min(len(value), source.choice((1, 1, 2)))):
        action = source.random()
        if action < 0.15:
            del changed_fields[name]
        elif action < 0.3:
            changed_fields[source.choice(STRANGE_NAMES)] = changed_fields.pop(name)
        else:
            changed_fields[name] = mutate_value(value[name], source)
    return changed_fields


def mutate_text(value: object, number: int, source: random.Random) -> bytes:
    """Return a damaged value as JSON text; if ``number`` is a multiple of five, the text is not valid JSON."""
    text = json.dumps(mutate_value(value, source)).encode()
    if number % 5 == 0:
        cut = source.randrange(len(text))
        text = text[:cut] + bytes([source.randrange(256)]) + text[cut + source.randrange(3) :]
    return text
