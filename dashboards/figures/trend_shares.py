"""Figure 2 of Xia et al. 2023: share of tokens in each trend category, against the start of the trend fit."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import PUBLISHED_SUITE, Companion, Figure
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_intervals,
    draw_models,
    draw_published,
    list_models,
    new_canvas,
    ring_points,
)

# The conventions of the trend fit in Xia et al. 2023. ``paper`` is used for suites that Trailhouse scored, and
# ``published`` for the trends that Xia et al. published.
CONVENTIONS = ("paper", "published")
PERMUTED = "checkpoints permuted"
FEW_POINTS = "fewer than five checkpoints"
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
    "Bands around the lines hold 95 % of the shares when documents are drawn again. Dotted lines are the mean shares"
    " after the checkpoints of a fit are permuted; the hatched bands hold 95 % of the permutations."
)


def express_percent(rows: pa.Table) -> pa.Table:
    """Return the rows with an additional column in percent for each share that they have."""
    for percentage, share in PERCENTAGES.items():
        if share in rows.column_names:
            rows = rows.append_column(percentage, pc.multiply(rows[share], 100))
    return rows


def draw_trend_shares(rows: pa.Table, published: pa.Table | None = None) -> Canvas:
    """Draw a panel per trend category with a line per model, under the convention of the trend fit of Xia et al. 2023.

    Bands show the 95% intervals of the shares. Dotted lines and hatched bands show the shares after the checkpoints are
    permuted. The lines of the published suite are grey. Each point of a line is a start of the trend fit. A ring marks
    a fit of fewer than five checkpoints.
    """
    paper = rows.filter(pc.is_in(rows["convention_id"], pa.array(CONVENTIONS))).sort_by("parameter_count")
    paper = express_percent(paper)
    canvas, panels = new_canvas(len(PANELS), "Trends of token perplexity")
    for panel, (category, title) in zip(panels, PANELS, strict=True):
        drawn = paper.filter(pc.equal(paper["category"], category))
        draw_models(panel, drawn, x="start_percent", y="token_percent")
        draw_intervals(panel, drawn, x="start_percent", lower="percent_lower", upper="percent_upper")
        draw_chance(panel, drawn)
        few = drawn.filter(drawn["has_few_points"])
        ring_points(panel, few, x="start_percent", y="token_percent", label=FEW_POINTS)
        if published is not None:
            shown = published.filter(pc.equal(published["category"], category)).sort_by("parameter_count")
            draw_published(panel, express_percent(shown), x="start_percent", y="token_percent")
        panel.set(title=title, xlabel="Start of the trend (% of training)", ylim=(0, None))
    panels[0].set_ylabel("Tokens (%)")
    add_legend(canvas, panels)
    canvas.supxlabel(EXPLANATION, fontsize="x-small", wrap=True)
    return canvas


def draw_chance(panel: Axes, rows: pa.Table) -> None:
    """Draw the shares after permutation, with the colours of the models: a dotted line and a hatched band per model."""
    permuted = rows.filter(pc.is_valid(rows["null_percent"]))
    for model_id, line in assign_styles(list_models(rows)).items():
        series = permuted.filter(pc.equal(permuted["model_id"], model_id)).sort_by("start_percent")
        starts = series["start_percent"].to_pylist()
        panel.plot(starts, series["null_percent"].to_pylist(), color=line.color, linestyle=":", label=PERMUTED)
        bounds = (series[name].to_pylist() for name in ("null_percent_lower", "null_percent_upper"))
        panel.fill_between(
            starts, *bounds, facecolor="none", edgecolor=line.color, hatch="////", alpha=0.25, linewidth=0
        )


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
)
