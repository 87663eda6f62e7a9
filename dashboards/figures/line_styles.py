"""The styles of the models' lines. The colour means the model; its marker and dashes tell it apart a second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from trailhouse.dashboards.colours import GRID, TEXT

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


def add_styles(rows: pa.Table, model_colors: Mapping[str, str]) -> pa.Table:
    """Return the rows with the columns ``model_color`` and ``model_place``: the colour of the model, and its place.

    ``model_colors`` holds the models of the warehouse, those of a suite by ascending size. The place of a model is
    counted from 0 within its suite. A model without a colour is black and comes first. Rows that are not about models
    are returned as they are.
    """
    if "model_id" not in rows.column_names:
        return rows
    counts: Counter[str] = Counter()
    places = {}
    for model_id in model_colors:
        suite_id = model_id.partition("/")[0]
        places[model_id] = counts[suite_id]
        counts[suite_id] += 1
    models = rows["model_id"].to_pylist()
    colors = pa.array([model_colors.get(model_id, TEXT) for model_id in models], pa.string())
    rows = rows.append_column("model_color", colors)
    return rows.append_column("model_place", pa.array([places.get(model_id, 0) for model_id in models], pa.int64()))


def assign_styles(rows: pa.Table) -> dict[str, LineStyle]:
    """Return the style of every model in the rows, which ``add_styles`` returned. Smaller models come first.

    After seven models of a suite, the markers repeat, but with other dashes.
    """
    columns = (rows[name].to_pylist() for name in ("model_place", "model_id", "model_color"))
    return {
        model_id: LineStyle(color, MARKERS[place % len(MARKERS)], DASHES[(place + place // len(MARKERS)) % len(DASHES)])
        for place, model_id, color in sorted(set(zip(*columns, strict=True)))
    }
