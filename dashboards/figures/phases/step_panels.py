"""This module makes the panels of figures of phases: one a model, with lines over logarithmic steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import choose_grey
from trailhouse.dashboards.figures.axes import scale_logarithmically
from trailhouse.dashboards.figures.line_styles import DASHES, MARKERS
from trailhouse.dashboards.figures.panels import new_canvas
from trailhouse.dashboards.figures.phases.phase_rows import Row, keep_known

MOST_COLUMNS = 5
NARROW_INCHES = 2.6
CAPTION_INCHES = 1.0
LIGHTEST, DARKEST = 0.72, 0.0


def new_grid(panel_count: int, title: str) -> tuple[Canvas, list[Axes]]:
    """Return an empty canvas and its panels in rows of at most five. Places without a panel stay empty."""
    row_count = ceil(panel_count / MOST_COLUMNS)
    column_count = ceil(panel_count / row_count)
    canvas, panels = new_canvas(row_count * column_count, title, row_count, NARROW_INCHES)
    canvas.set_figheight(canvas.get_figheight() + CAPTION_INCHES)
    for spare in panels[panel_count:]:
        spare.remove()
    return canvas, panels[:panel_count]


def list_left_panels(panels: Sequence[Axes]) -> list[Axes]:
    """Return the first panel of each row, which has the label of the vertical axis."""
    column_count = ceil(len(panels) / ceil(len(panels) / MOST_COLUMNS))
    return list(panels[::column_count])


def choose_order_grey(order: int, orders: Sequence[int]) -> str:
    """Return the grey of an order of n-grams: the higher, the darker."""
    return choose_grey(orders.index(order), len(orders), LIGHTEST, DARKEST)


def draw_orders(panel: Axes, rows: Sequence[Row], orders: Sequence[int], value: str, bounds: tuple[str, str]) -> None:
    """Draw a column against the step, a line for each order of n-grams, with a band between the columns ``bounds``."""
    for place, order in enumerate(orders):
        of_order = [row for row in rows if row["ngram_order"] == order]
        grey = choose_order_grey(order, orders)
        draw_steps(panel, of_order, value, label=f"{order}-grams", color=grey, place=place)
        sure = keep_known(of_order, *bounds)
        low, high = ([row[bound] for row in sure] for bound in bounds)
        panel.fill_between([row["step"] for row in sure], low, high, color=grey, alpha=0.15, linewidth=0)


def draw_steps(panel: Axes, rows: Sequence[Row], value: str, *, label: str, color: str, place: int) -> None:
    """Draw one line against the step. ``place`` chooses its marker and dashes."""
    known = keep_known(rows, value)
    panel.plot(
        [row["step"] for row in known],
        [row[value] for row in known],
        label=label,
        color=color,
        marker=MARKERS[place % len(MARKERS)],
        linestyle=DASHES[place % len(DASHES)],
    )


def finish_panel(panel: Axes, title: str, limits: tuple[float, float] | None) -> None:
    """Set the title, the label and the logarithmic scale of the axis of steps, and the shared vertical limits."""
    panel.set_title(title, parse_math=False)
    panel.set(xlabel="Step", ylim=limits)
    scale_logarithmically(panel, "x")
