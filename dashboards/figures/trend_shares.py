"""Figure 2 of Xia et al. 2023: share of tokens in each trend category, against the start of the trend fit."""

from __future__ import annotations

from math import isnan

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import CHANCE_AREA
from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE, Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_intervals,
    draw_models,
    draw_published,
    draw_uncertain_points,
    new_canvas,
)

# The conventions of the trend fit in Xia et al. 2023. ``paper`` is used for suites that Trailhouse scored, and
# ``published`` for the trends that Xia et al. published.
CONVENTIONS = ("paper", "published")
PERMUTED = "checkpoints permuted"
FEW_POINTS = "fewer than five checkpoints"
START_LABEL = "Start of the trend (% of training)"
PANELS = (("stagnated", "Stagnated"), ("upward", "Upward (forgetting)"), ("downward", "Downward (still learning)"))


PERCENTAGES = {
    "token_percent": "token_share",
    "percent_lower": "share_lower",
    "percent_upper": "share_upper",
    "null_percent_lower": "null_share_lower",
    "null_percent_upper": "null_share_upper",
    "null_percent": "null_share",
}
EXPLANATION = (
    "Bands around the lines: 95% intervals over documents. Dotted lines: mean shares after the checkpoints of a fit are"
    " permuted; the grey area holds 95% of the permutations. Where fewer than five checkpoints follow a start, a share"
    " is an open marker without a line. The scale is that of the lines; what lies beyond it is cut off."
)
WITHOUT_INTERVALS = "Single tokens were not published, so the shares have no intervals."
HEADROOM = 1.1
"""The end of the vertical axis as a multiple of the largest share that is drawn as a line."""


def express_percent(rows: pa.Table) -> pa.Table:
    """Return the rows with an additional column in percent for each share that they have."""
    for percentage, share in PERCENTAGES.items():
        if share in rows.column_names:
            rows = rows.append_column(percentage, pc.multiply(rows[share], 100))
    return rows


def draw_trend_shares(rows: pa.Table, published: pa.Table | None = None) -> Canvas:
    """Draw a panel per trend category with a line per model, under the convention of the trend fit of Xia et al. 2023.

    Bands show the 95% intervals of the shares. Dotted lines and hatched bands show the shares after the checkpoints are
    permuted. The lines of the published suite are grey. Each point of a line is a start of the trend fit. Fits of fewer
    than five checkpoints are open markers, which do not set the scale.
    """
    paper = rows.filter(pc.is_in(rows["convention_id"], pa.array(CONVENTIONS))).sort_by("parameter_count")
    paper = express_percent(paper)
    canvas, panels = new_canvas(len(PANELS), "Share of tokens by the trend of their perplexity")
    for panel, (category, title) in zip(panels, PANELS, strict=True):
        shares = paper.filter(pc.equal(paper["category"], category))
        drawn, few = split_by_fit(shares)
        draw_models(panel, drawn, x="start_percent", y="token_percent")
        draw_intervals(panel, drawn, x="start_percent", lower="percent_lower", upper="percent_upper")
        draw_chance(panel, drawn)
        draw_uncertain_points(panel, few, x="start_percent", y="token_percent", label=FEW_POINTS)
        if published is not None:
            shown = published.filter(pc.equal(published["category"], category)).sort_by("parameter_count")
            draw_published(panel, express_percent(shown), x="start_percent", y="token_percent")
        panel.set(title=title, xlabel=START_LABEL, ylim=(0, find_top(panel)))
    panels[0].set_ylabel("Tokens (%)")
    add_legend(canvas, panels)
    has_intervals = paper["share_lower"].null_count < paper.num_rows
    add_notes(canvas, [EXPLANATION if has_intervals else WITHOUT_INTERVALS])
    return canvas


def split_by_fit(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows of starts that at least five checkpoints follow, and the rows of the other starts."""
    return rows.filter(pc.invert(rows["has_few_points"])), rows.filter(rows["has_few_points"])


def find_top(panel: Axes) -> float | None:
    """Return the end of a vertical axis of percentages: above all lines, and at most 100.

    Open markers and areas do not count. The result is None if the panel has no lines.
    """
    lines = [line for line in panel.get_lines() if line.get_linestyle() != "None"]
    values = [float(value) for line in lines for value in np.asarray(line.get_ydata(), dtype=float)]
    highest = max((value for value in values if not isnan(value)), default=0.0)
    return min(100.0, HEADROOM * highest) if highest > 0 else None


def draw_chance(panel: Axes, rows: pa.Table) -> None:
    """Draw the shares after permutation: a dotted line in the colour of each model, and one area for all models."""
    permuted = rows.filter(pc.is_valid(rows["null_percent"]))
    for model_id, line in assign_styles(permuted).items():
        series = permuted.filter(pc.equal(permuted["model_id"], model_id)).sort_by("start_percent")
        starts = series["start_percent"].to_pylist()
        panel.plot(starts, series["null_percent"].to_pylist(), color=line.color, linestyle=":", label=PERMUTED)
        bounds = (series[name].to_pylist() for name in ("null_percent_lower", "null_percent_upper"))
        panel.fill_between(starts, *bounds, color=CHANCE_AREA, linewidth=0, zorder=0.5)


FIGURE = Figure(
    name="figure_02_trend_shares",
    title="Share of tokens by trend category and start",
    source="Xia et al. 2023, Figure 2",
    mart="fct_comparable_trend_share",
    columns=(
        "convention_id",
        "model_id",
        "parameter_count",
        "start_percent",
        "category",
        "token_share",
        "share_lower",
        "share_upper",
        "null_share",
        "null_share_lower",
        "null_share_upper",
        "has_few_points",
    ),
    draw=draw_trend_shares,
    companions=(
        Companion(
            "fct_published_trend_share",
            ("model_id", "parameter_count", "start_percent", "category", "token_share"),
            suite_id=PUBLISHED_SUITE,
        ),
    ),
    caveat_mart="fct_trend_caveat",
    sample="trends",
)
