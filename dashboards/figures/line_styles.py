"""One look for all figures: readable for the colour-blind, and in grey."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Okabe and Ito's palette, darkest first; markers and dashes carry the same information without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

STYLE_SHEET = Path(__file__).with_name("trailhouse.mplstyle")


@dataclass(frozen=True)
class LineStyle:
    """Colour, marker and dash pattern of one series."""

    color: str
    marker: str
    linestyle: str | tuple[int, tuple[int, ...]]


def assign_styles(names: Iterable[str]) -> dict[str, LineStyle]:
    """Give every series, in the order given, a style of its own; after seven they repeat with other dashes."""
    return {
        name: LineStyle(
            COLOURS[index % len(COLOURS)],
            MARKERS[index % len(MARKERS)],
            DASHES[(index + index // len(COLOURS)) % len(DASHES)],
        )
        for index, name in enumerate(names)
    }
