"""The figure of how trend shares depend on the convention of the trend fit, with one choice varied at a time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_models,
    draw_uncertain_points,
    new_canvas,
    order_by_size,
)
from trailhouse.dashboards.figures.trend_shares import FEW_POINTS, PANELS, START_LABEL, find_top, split_by_fit

DEFAULT = "default convention"
EXPLANATION = (
    "Each column varies one choice of the default convention. Solid lines are the shares under the varied convention,"
    " dotted lines those under the default one. Open markers: fewer than five checkpoints follow the start; they do not"
    " set the scale."
)


def list_single_choices(rows: pa.Table) -> list[tuple[str, str]]:
    """Return (choice, convention) of every convention that differs from the default one in exactly one choice."""
    pairs = set(zip(rows["varied_choice"].to_pylist(), rows["convention_id"].to_pylist(), strict=True))
    return sorted((choice, convention) for choice, convention in pairs if choice != "none" and "," not in choice)


def draw_trend_sensitivity(rows: pa.Table) -> Canvas:
    """Draw a row of panels per trend category and a column per varied choice, with a line per model."""
    rows = order_by_size(rows)
    for percentage, share in (("percent", "token_share"), ("default_percent", "default_token_share")):
        rows = rows.append_column(percentage, pc.multiply(rows[share], 100))
    choices = list_single_choices(rows)
    canvas, panels = new_canvas(
        max(1, len(choices)) * len(PANELS), "Trend shares under other conventions", row_count=len(PANELS)
    )
    cells = [(category, choice) for category, _ in PANELS for choice in choices]
    for panel, (category, (choice, convention)) in zip(panels, cells, strict=False):
        shown = rows.filter(pc.and_(pc.equal(rows["category"], category), pc.equal(rows["convention_id"], convention)))
        shown, few = split_by_fit(shown)
        draw_models(panel, shown, x="start_percent", y="percent")
        for model_id, line in assign_styles(shown).items():
            series = shown.filter(pc.equal(shown["model_id"], model_id)).sort_by("start_percent")
            starts, shares = (series[column].to_pylist() for column in ("start_percent", "default_percent"))
            panel.plot(starts, shares, color=line.color, linestyle=":", label=DEFAULT)
        draw_uncertain_points(panel, few, x="start_percent", y="percent", label=FEW_POINTS)
        panel.set(title=f"{choice.capitalize()}: {convention}", xlabel=START_LABEL, ylim=(0, find_top(panel)))
    for panel, (_, title) in zip(panels[:: max(1, len(choices))], PANELS, strict=True):
        panel.set_ylabel(f"{title} (% of tokens)")
    add_legend(canvas, panels)
    add_notes(canvas, [EXPLANATION])
    return canvas


FIGURE = Figure(
    name="trend_sensitivity",
    title="Trend shares when one choice of the convention is varied",
    source="section 3.1 of Xia et al. 2023",
    mart="fct_trend_sensitivity",
    columns=(
        "convention_id",
        "varied_choice",
        "model_id",
        "parameter_count",
        "start_percent",
        "category",
        "token_share",
        "default_token_share",
        "has_few_points",
    ),
    draw=draw_trend_sensitivity,
    caveat_mart="fct_trend_caveat",
    sample="trends",
)
