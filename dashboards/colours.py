"""The colours of figures, passages and dashboards, and the trend categories that have a colour.

Superset's configuration loads this file in another Python environment, so the file imports only the standard library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# The palette of Okabe and Ito (2008), which people with colour blindness can tell apart.
BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
SKY_BLUE = "#56B4E9"
ORANGE = "#E69F00"
BLACK = "#000000"

COLOUR_SCHEME = "trailhouse"
"""Name under which Superset knows MODEL_COLOURS."""
MODEL_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, SKY_BLUE, ORANGE, BLACK)
"""Colours for the first seven models of a figure, in the figure's order. For further models, the colours repeat."""

TEXT = BLACK
HIGHLIGHT = "#FFEE99"
"""Background of the token under the mouse pointer."""
GRID = "#DDDDDD"
RING = "#666666"
"""Colour of the circle around a point that readers should treat with caution."""
REFERENCE = "#999999"
"""Colour of the references that models are compared with: chance accuracy and random token sets."""


@dataclass(frozen=True)
class Category:
    """How a trend category is shown: by a colour or, in a terminal without colours, by a mark such as ``=``."""

    name: str
    """The name of the category in the marts."""
    meaning: str
    mark: str
    color: str
    terminal_style: str
    """Colour in a terminal, as Rich names it."""


CATEGORIES = (
    Category("stagnated", "already learned", "=", BLUE, "bright_blue"),
    Category("upward", "forgetting", "+", VERMILLION, "bold red"),
    Category("downward", "still learning", "-", GREEN, "green"),
)
CATEGORY_BY_NAME = {category.name: category for category in CATEGORIES}


def choose_model_color(index: int) -> str:
    """Return the colour of a model, where ``index`` is the model's position in the figure, counted from 0."""
    return MODEL_COLOURS[index % len(MODEL_COLOURS)]


def assign_model_colors(models: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the colour of every model. ``models`` holds pairs of suite and model, those of a suite by ascending size.

    Colours begin anew in each suite. They are those of the figures that show all models of the suite.
    """
    counts: Counter[str] = Counter()
    colors = {}
    for suite_id, model_id in models:
        colors[model_id] = choose_model_color(counts[suite_id])
        counts[suite_id] += 1
    return colors


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
    return ":root { " + " ".join(f"--{name}: {color};" for name, color in colors.items()) + " }"
