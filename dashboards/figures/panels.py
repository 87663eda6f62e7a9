"""Panels: an empty canvas, and the lines of the models on one panel."""

from __future__ import annotations

from math import log10

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from trailhouse.dashboards.figures.line_styles import STYLE_SHEET, assign_styles


def new_canvas(panel_count: int, title: str, row_count: int = 1) -> tuple[Canvas, list[Axes]]:
    """Make a canvas with panels side by side, in rows of equal length."""
    with style.context(STYLE_SHEET):
        column_count = panel_count // row_count
        canvas = Canvas(figsize=(3.4 * column_count + 1.2, 3.4 * row_count), layout="constrained")
        panels = list(canvas.subplots(row_count, column_count, squeeze=False).flat)
        canvas.suptitle(title)
    return canvas, panels


def add_legend(canvas: Canvas, panels: list[Axes]) -> None:
    """List every line once, beside the panels, in the order they were drawn."""
    entries: dict[str, Artist] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        canvas.legend(list(entries.values()), list(entries), loc="outside right upper", title="Model")


def scale_logarithmically(panel: Axes, directions: str) -> None:
    """Make the axes ``x``, ``y`` or ``xy`` of a panel with its lines logarithmic, its ticks labelled without overlap.

    Below a decade matplotlib labels every tick between powers of ten, in scientific notation, one over the other.
    """
    for direction in directions:
        axis = panel.xaxis if direction == "x" else panel.yaxis
        panel.set(**{f"{direction}scale": "log"})
        lowest, highest = sorted(axis.get_view_interval())
        decades = log10(highest / lowest)
        if decades < 1:
            axis.set_major_locator(MaxNLocator(nbins=4))
        elif decades < 2:
            axis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.set_major_formatter(FuncFormatter(write_tick))
        axis.set_minor_formatter(NullFormatter())


def write_tick(value: float, position: int | None = None) -> str:
    """Write a number as people do: 250, or 2.5 times a power of ten where that is shorter."""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    factor, _, exponent = f"{value:e}".partition("e")
    shown = "" if float(factor) == 1 else rf"{float(factor):g} \times "
    return rf"${shown}10^{{{int(exponent)}}}$"


def draw_published(panel: Axes, rows: pa.Table, x: str, y: str) -> None:
    """Draw a published suite in grey and dashed, the larger the model the darker; labels are the models' names."""
    names = list(dict.fromkeys(rows["model_id"].to_pylist()))
    for index, model_id in enumerate(names):
        series = rows.filter(pc.equal(rows["model_id"], model_id)).sort_by(x)
        grey = f"{0.8 - 0.5 * index / max(1, len(names) - 1):.2f}"
        panel.plot(
            series[x].to_pylist(), series[y].to_pylist(), label=model_id, color=grey, linestyle="--", linewidth=1
        )


def mark_points(panel: Axes, rows: pa.Table, x: str, y: str, label: str) -> None:
    """Ring the points of ``rows``, over the lines they belong to."""
    if rows.num_rows:
        places = (rows[x].to_pylist(), rows[y].to_pylist())
        panel.plot(
            *places, label=label, linestyle="none", marker="o", markersize=10, markerfacecolor="none", color="#666666"
        )


def draw_models(panel: Axes, rows: pa.Table, x: str, y: str) -> None:
    """Draw column ``y`` against column ``x`` as one line per model, in the order the models come in ``rows``."""
    styles = assign_styles(dict.fromkeys(rows["model_id"].to_pylist()))
    for model_id, line in styles.items():
        series = rows.filter(pc.equal(rows["model_id"], model_id)).sort_by(x)
        panel.plot(
            series[x].to_pylist(),
            series[y].to_pylist(),
            label=model_id,
            color=line.color,
            marker=line.marker,
            linestyle=line.linestyle,
        )
