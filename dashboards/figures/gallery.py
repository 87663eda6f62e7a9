"""All figures, in the order of the papers."""

from __future__ import annotations

from trailhouse.dashboards.figures import (
    imported_metrics,
    task_outcomes,
    token_sets,
    trend_shares,
    validation_perplexity,
)
from trailhouse.dashboards.figures.figure import Figure

FIGURES: tuple[Figure, ...] = (
    validation_perplexity.FIGURE,
    trend_shares.FIGURE,
    *token_sets.FIGURES,
    *task_outcomes.FIGURES,
    imported_metrics.FIGURE,
)
