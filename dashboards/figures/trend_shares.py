"""Figure 2 of Xia et al. 2023: share of tokens in each trend category, against the start of the trend fit."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import PUBLISHED_SUITE, Companion, Figure
from trailhouse.dashboards.figures.panels import add_legend, draw_models, draw_published, new_canvas, ring_points

# The conventions of the trend fit in Xia et al. 2023. ``paper`` is used for suites that Trailhouse scored, and
# ``published`` for the trends that Xia et al. published.
CONVENTIONS = ("paper", "published")
FEW_POINTS = "fewer than five checkpoints"
PANELS = (("stagnated", "Stagnated"), ("upward", "Upward (forgetting)"), ("downward", "Downward (still learning)"))


def express_percent(rows: pa.Table) -> pa.Table:
    """Return the rows with an additional column ``token_percent``, the share of tokens in percent."""
    return rows.append_column("token_percent", pc.multiply(rows["token_share"], 100))


def draw_trend_shares(rows: pa.Table, published: pa.Table | None = None) -> Canvas:
    """Draw a panel per trend category with a line per model, under the convention of the trend fit of Xia et al. 2023.

    The lines of the published suite are grey. Each point of a line is a start of the trend fit. A ring marks a fit of
    fewer than five checkpoints.
    """
    paper = rows.filter(pc.is_in(rows["convention_id"], pa.array(CONVENTIONS))).sort_by("parameter_count")
    paper = express_percent(paper)
    canvas, panels = new_canvas(len(PANELS), "Trends of token perplexity")
    for panel, (category, title) in zip(panels, PANELS, strict=True):
        drawn = paper.filter(pc.equal(paper["category"], category))
        draw_models(panel, drawn, x="start_percent", y="token_percent")
        few = drawn.filter(drawn["has_few_points"])
        ring_points(panel, few, x="start_percent", y="token_percent", label=FEW_POINTS)
        if published is not None:
            shown = published.filter(pc.equal(published["category"], category)).sort_by("parameter_count")
            draw_published(panel, express_percent(shown), x="start_percent", y="token_percent")
        panel.set(title=title, xlabel="Start of the trend (% of training)", ylim=(0, None))
    panels[0].set_ylabel("Tokens (%)")
    add_legend(canvas, panels)
    return canvas


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
