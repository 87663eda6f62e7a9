"""Figure 1 of Xia et al. 2023: validation perplexity against training compute."""

from __future__ import annotations

import pyarrow as pa
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.axes import COMPUTE, keep_positive, scale_logarithmically
from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE, Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_intervals,
    draw_models,
    draw_published,
    name_suite,
    new_canvas,
)

PUBLISHED_COLUMNS = ("model_id", "parameter_count", "train_flops_palm", "perplexity")
COLUMNS = (*PUBLISHED_COLUMNS, "perplexity_lower", "perplexity_upper")
INTERVALS = "Bands: 95% intervals of the perplexity over documents, by a bootstrap that draws documents, not tokens."


def draw_validation_perplexity(rows: pa.Table, published: pa.Table | None = None) -> Canvas:
    """Draw validation perplexity against compute on two logarithmic axes, with one line per model and its interval.

    Step 0 is left out, because compute 0 has no logarithm. The models of the published suite have a separate panel,
    because their compute may be a million times as large.
    """
    trained = keep_positive(rows, COMPUTE.column).sort_by("parameter_count")
    published = published if published is not None and published.num_rows else None
    panel_count = 1 if published is None else 2
    canvas, panels = new_canvas(panel_count, "Validation perplexity along training")
    draw_models(panels[0], trained, x=COMPUTE.column, y="perplexity")
    if trained["perplexity_lower"].null_count < trained.num_rows:
        draw_intervals(panels[0], trained, x=COMPUTE.column, lower="perplexity_lower", upper="perplexity_upper")
        add_notes(canvas, [INTERVALS])
    panels[0].set_title(name_suite(trained))
    if published is not None:
        draw_published(panels[1], published.sort_by("parameter_count"), x=COMPUTE.column, y="perplexity")
        panels[1].set_title(f"{name_suite(published)} (no intervals published)")
    for panel in panels:
        panel.set(xlabel=COMPUTE.label)
        scale_logarithmically(panel, "xy")
    panels[0].set_ylabel("Perplexity")
    add_legend(canvas, panels)
    return canvas


FIGURE = Figure(
    name="figure_01_validation_perplexity",
    title="Validation perplexity against training compute",
    source="Xia et al. 2023, Figure 1",
    mart="fct_comparable_validation_perplexity",
    columns=COLUMNS,
    draw=draw_validation_perplexity,
    companions=(Companion("fct_published_validation_perplexity", PUBLISHED_COLUMNS, suite_id=PUBLISHED_SUITE),),
)
