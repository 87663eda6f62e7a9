"""Panels: an empty canvas, and the lines of the models on one panel."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.style import STYLE_SHEET, assign_styles


def new_canvas(panel_count: int, title: str) -> tuple[Canvas, list[Axes]]:
    """Make a canvas with panels side by side."""
    with style.context(STYLE_SHEET):
        canvas = Canvas(figsize=(3.4 * panel_count + 1.2, 3.4), layout="constrained")
        panels = list(canvas.subplots(1, panel_count, squeeze=False)[0])
        canvas.suptitle(title)
    return canvas, panels


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
