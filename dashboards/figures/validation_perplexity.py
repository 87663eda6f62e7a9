"""Figure 1 of Xia et al. 2023: validation perplexity against training compute."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Figure
from trailhouse.dashboards.figures.panels import draw_models, new_canvas


def draw_validation_perplexity(rows: pa.Table) -> Canvas:
    """Draw one line per model, both axes logarithmic; step 0 has no logarithm of compute and is left out."""
    started = rows.filter(pc.greater(rows["step"], 0)).sort_by("parameter_count")
    canvas, (panel,) = new_canvas(1, "Validation perplexity along training")
    draw_models(panel, started, x="train_flops_palm", y="perplexity")
    panel.set(xscale="log", yscale="log", xlabel="Training compute (FLOPs)", ylabel="Perplexity")
    panel.legend(title="Model")
    return canvas


FIGURE = Figure(
    name="figure_01_validation_perplexity",
    title="Validation perplexity against training compute",
    source="Xia et al. 2023, Figure 1",
    mart="fct_validation_perplexity_by_checkpoint",
    columns=("model_id", "step", "parameter_count", "train_flops_palm", "perplexity"),
    draw=draw_validation_perplexity,
)
