"""The styles of the models' lines, which can be distinguished by colour-blind readers and in greyscale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trailhouse.dashboards.colours import GRID, MODEL_COLOURS, choose_model_color

# Markers and dashes identify a model too, for readers who cannot distinguish the colours.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

STYLE: list[Path | dict[str, str]] = [Path(__file__).with_name("trailhouse.mplstyle"), {"grid.color": GRID}]
"""The matplotlib style of all figures."""


@dataclass(frozen=True)
class LineStyle:
    """The colour, marker and dash pattern of one line."""

    color: str
    marker: str
    linestyle: str | tuple[int, tuple[int, ...]]


def assign_styles(names: Iterable[str]) -> dict[str, LineStyle]:
    """Return a style for every name, in the given order.

    After seven names, the colours and markers repeat, but with other dashes. So up to 49 names have different styles.
    """
    return {
        name: LineStyle(
            choose_model_color(index),
            MARKERS[index % len(MARKERS)],
            DASHES[(index + index // len(MODEL_COLOURS)) % len(DASHES)],
        )
        for index, name in enumerate(names)
    }
