"""This module makes the panels of a figure, draws the models' lines on the panels, and adds the legend."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from trailhouse.dashboards.colours import choose_grey
from trailhouse.dashboards.figures.line_styles import STYLE, assign_styles

PANEL_INCHES, LEGEND_INCHES = 3.4, 1.2
HEADING = Line2D([], [], linestyle="none")
"""The empty mark beside the name of a suite in a legend."""
LIGHTEST_PUBLISHED, DARKEST_PUBLISHED = 0.8, 0.3


def new_canvas(
    panel_count: int, title: str, row_count: int = 1, panel_inches: float = PANEL_INCHES
) -> tuple[Canvas, list[Axes]]:
    """Return an empty canvas and its panels, row by row. ``panel_count`` must be a multiple of ``row_count``."""
    with style.context(STYLE):
        column_count = panel_count // row_count
        size = (panel_inches * column_count + LEGEND_INCHES, panel_inches * row_count)
        canvas = Canvas(figsize=size, layout="constrained")
        panels = list(canvas.subplots(row_count, column_count, squeeze=False).flat)
        canvas.suptitle(title, x=0.01, ha="left")
    return canvas, panels


def add_legend(canvas: Canvas, panels: list[Axes], title: str | None = None) -> None:
    """Add one legend for all panels, to their right. It lists every label once, in the order of drawing.

    The models of a suite stand under the name of the suite, by their names within it. Other labels come last.
    """
    groups: dict[str, dict[str, Artist]] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            suite_id, _, name = label.rpartition("/")
            groups.setdefault(suite_id, {}).setdefault(name, handle)
    others = groups.pop("", {})
    entries = [entry for suite_id, models in groups.items() for entry in [(HEADING, suite_id), *list_entries(models)]]
    entries += list_entries(others)
    if entries:
        handles, labels = zip(*entries, strict=True)
        legend = canvas.legend(handles, labels, loc="outside right upper", title=title, alignment="left")
        for text in legend.get_texts():
            text.set(parse_math=False, weight="bold" if text.get_text() in groups else "normal")


def list_entries(handles: dict[str, Artist]) -> list[tuple[Artist, str]]:
    """Return the handles of a legend with their labels."""
    return [(handle, label) for label, handle in handles.items()]


def name_suite(rows: pa.Table) -> str:
    """Return the suite of the models in the rows, which is empty if there are no rows."""
    return str(rows["model_id"][0].as_py()).rpartition("/")[0] if rows.num_rows else ""


def list_models(rows: pa.Table) -> list[str]:
    """Return every model of ``rows`` once, in the order in which the models first occur."""
    return list(dict.fromkeys(rows["model_id"].to_pylist()))


def order_by_size(rows: pa.Table) -> pa.Table:
    """Return the rows sorted by the number of parameters of their models."""
    return rows.sort_by([("parameter_count", "ascending"), ("model_id", "ascending")])


def draw_models(panel: Axes, rows: pa.Table, x: str, y: str) -> None:
    """Draw column ``y`` against column ``x``, one line per model, the smallest model first."""
    for model_id, line in assign_styles(rows).items():
        series = rows.filter(pc.equal(rows["model_id"], model_id)).sort_by(x)
        panel.plot(
            series[x].to_pylist(),
            series[y].to_pylist(),
            label=model_id,
            color=line.color,
            marker=line.marker,
            linestyle=line.linestyle,
        )


def draw_intervals(panel: Axes, rows: pa.Table, x: str, lower: str, upper: str) -> None:
    """Shade the interval from column ``lower`` to ``upper`` against column ``x``, in the colour of each model's line.

    The lines are those that ``draw_models`` draws of the same rows. Rows without an interval are left out.
    """
    for model_id, line in assign_styles(rows).items():
        series = rows.filter(pc.equal(rows["model_id"], model_id)).sort_by(x)
        series = series.filter(pc.is_valid(series[lower]))
        ends = [series[end].to_pylist() for end in (lower, upper)]
        panel.fill_between(series[x].to_pylist(), *ends, color=line.color, alpha=0.15, linewidth=0)


def draw_published(panel: Axes, rows: pa.Table, x: str, y: str) -> None:
    """Draw column ``y`` against column ``x``, one grey dashed line per model of a published suite.

    The results of a published suite come from a paper. Models that come later in ``rows`` have darker lines.
    """
    models = list_models(rows)
    for index, model_id in enumerate(models):
        series = rows.filter(pc.equal(rows["model_id"], model_id)).sort_by(x)
        grey = choose_grey(index, len(models), LIGHTEST_PUBLISHED, DARKEST_PUBLISHED)
        panel.plot(
            series[x].to_pylist(), series[y].to_pylist(), label=model_id, color=grey, linestyle="--", linewidth=1
        )


def draw_uncertain_points(panel: Axes, rows: pa.Table, x: str, y: str, label: str) -> None:
    """Draw (``x``, ``y``) of ``rows`` as open markers in the colours of the models, without lines between them.

    ``label`` names the markers in the legend.
    """
    for model_id, line in assign_styles(rows).items():
        points = rows.filter(pc.equal(rows["model_id"], model_id))
        panel.plot(
            points[x].to_pylist(),
            points[y].to_pylist(),
            label=label,
            linestyle="none",
            marker=line.marker,
            markerfacecolor="none",
            color=line.color,
        )
