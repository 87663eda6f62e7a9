"""Figure 1 of Xia et al. 2023: validation perplexity against training compute."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Companion, Figure
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_models,
    draw_published,
    new_canvas,
    scale_logarithmically,
)


def draw_validation_perplexity(rows: pa.Table, published: pa.Table | None = None) -> Canvas:
    """Draw one line per model, both axes logarithmic; what has no logarithm of compute, as step 0, is left out.

    Published models have a panel of their own, for their compute may be a million times as large.
    """
    started = rows.filter(pc.greater(rows["train_flops_palm"], 0)).sort_by("parameter_count")
    panel_count = 1 if published is None else 2
    canvas, panels = new_canvas(panel_count, "Validation perplexity along training")
    draw_models(panels[0], started, x="train_flops_palm", y="perplexity")
    if published is not None:
        draw_published(panels[1], published.sort_by("parameter_count"), x="train_flops_palm", y="perplexity")
        panels[1].set_title("Published")
    for panel in panels:
        panel.set(xlabel="Training compute (FLOPs)")
        scale_logarithmically(panel, "xy")
    panels[0].set_ylabel("Perplexity")
    add_legend(canvas, panels)
    return canvas


FIGURE = Figure(
    name="figure_01_validation_perplexity",
    title="Validation perplexity against training compute",
    source="Xia et al. 2023, Figure 1",
    mart="fct_comparable_validation_perplexity",
    columns=("model_id", "parameter_count", "train_flops_palm", "perplexity"),
    draw=draw_validation_perplexity,
    companions=(
        Companion(
            "fct_published_validation_perplexity",
            ("model_id", "parameter_count", "train_flops_palm", "perplexity"),
            suite_id="opt-published",
        ),
    ),
)
