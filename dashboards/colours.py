"""The colours of figures, passages and dashboards, and the trend categories that have a colour.

Superset's configuration loads this file in another Python environment, so the file imports only the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COLOUR_SCHEME = "trailhouse"
"""Name under which Superset knows MODEL_COLOURS."""
HUES = (
    ("#75a9fe", "#1664de", "#00307b"),  # blue
    ("#fc896c", "#cb3401", "#6c1701"),  # vermillion
    ("#70b691", "#307755", "#003b24"),  # green
    ("#eb85cb", "#aa4a8e", "#680252"),  # magenta
    ("#90ae57", "#567113", "#273700"),  # olive
    ("#bf8ef4", "#8656b6", "#4d1977"),  # violet
)
"""The colours of suites: a light, a middle and a dark one of each hue. They differ with colour blindness, too.

The first four differ most.
"""
MODEL_COLOURS = tuple(middle for _, middle, _ in HUES)
"""The colours of models that are alone in their suites. Superset gives them to names that are no models."""

BLACK = "#000000"
TEXT = BLACK
HIGHLIGHT = "#FFEE99"
"""Background of the token under the mouse pointer."""
SMALL_MODEL_TINTS = ("#fdeadf", "#f8c3a5")
"""Backgrounds of tokens that the small one of two models finds more probable: by at most 1 nat, and by more."""
LARGE_MODEL_TINTS = ("#e4edfb", "#b0cbf3")
"""Backgrounds of tokens that the large one of two models finds more probable: by at most 1 nat, and by more."""
GRID = "#DDDDDD"
CHANCE_AREA = "#EBEBEB"
"""Colour of the area that chance explains, which is opaque, so that overlapping areas look like one."""
REFERENCE = "#999999"
"""Colour of the references that models are compared with: chance accuracy and random token sets."""
REFERENCES = ("#C4C4C4", "#4D4D4D")
"""The lightest and the darkest grey of models that another model is compared with."""
NEUTRAL = "#595959"
"""Colour of lines and bars that are no models."""


@dataclass(frozen=True)
class Category:
    """How a trend category is shown: by a shade of grey or, in a terminal without colours, by a mark such as ``=``."""

    name: str
    """The name of the category in the marts."""
    meaning: str
    mark: str
    color: str
    terminal_style: str
    """Colour in a terminal, as Rich names it."""


# A hue means a model, so categories are shades of grey. Underlines and weight tell them apart.
CATEGORIES = (
    Category("stagnated", "already learned", "=", "#767676", "bright_blue"),
    Category("upward", "forgetting", "+", BLACK, "bold red"),
    Category("downward", "still learning", "-", "#4A4A4A", "green"),
)
CATEGORY_BY_NAME = {category.name: category for category in CATEGORIES}


def assign_model_colors(models: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the colour of every model. ``models`` holds pairs of suite and model, those of a suite by ascending size.

    Each suite has a hue, in the order in which the suites first occur; after the last hue, hues repeat. Within a suite,
    larger models are darker. Give all models of the warehouse, so that a model has one colour everywhere.
    """
    suites: dict[str, list[str]] = {}
    for suite_id, model_id in models:
        suites.setdefault(suite_id, []).append(model_id)
    return {
        model_id: choose_shade(HUES[place % len(HUES)], (index + 0.5) / len(model_ids))
        for place, model_ids in enumerate(suites.values())
        for index, model_id in enumerate(model_ids)
    }


def assign_reference_colors(models: Iterable[str]) -> dict[str, str]:
    """Return the grey of every model as the reference of another: larger models of a suite are darker.

    ``models`` holds the names of the models with their suites, those of a suite by ascending size. The keys are the
    names that charts give to references.
    """
    suites: dict[str, list[str]] = {}
    for model_id in models:
        suites.setdefault(model_id.partition("/")[0], []).append(model_id)
    greys = (REFERENCES[0], REFERENCE, REFERENCES[1])
    return {
        f"{model_id} (reference)": choose_shade(greys, (index + 0.5) / len(model_ids))
        for model_ids in suites.values()
        for index, model_id in enumerate(model_ids)
    }


def choose_shade(hue: tuple[str, str, str], position: float) -> str:
    """Return the shade of a hue at ``position``: 0 is the light end, 0.5 the middle, 1 the dark end."""
    first, last = hue[:2] if position < 0.5 else hue[1:]
    weight = 2 * position % 1
    ends = zip(bytes.fromhex(first[1:]), bytes.fromhex(last[1:]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * weight):02x}" for low, high in ends)


def choose_grey(index: int, count: int, first: float, last: float) -> str:
    """Return the grey at position ``index``, counted from 0, of ``count`` evenly spaced greys.

    The grey is written as a matplotlib colour. ``first`` and ``last`` are the lightness of the first and the last grey:
    0 is black, 1 is white.
    """
    lightness = first + (last - first) * index / max(1, count - 1)
    return f"{lightness:.2f}"


def write_css_variables() -> str:
    """Return the CSS rule that names the colours, such as ``--upward``, for the styles of pages and dashboards."""
    colors = {category.name: category.color for category in CATEGORIES} | {"text": TEXT, "highlight": HIGHLIGHT}
    for name, tints in (("small-model", SMALL_MODEL_TINTS), ("large-model", LARGE_MODEL_TINTS)):
        colors |= {name: tints[0], f"{name}-strongly": tints[1]}
    return ":root { " + " ".join(f"--{name}: {color};" for name, color in colors.items()) + " }"
