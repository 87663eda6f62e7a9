"""The list of all figures: the figures of Xia et al. 2023 in order of their number, then the imported metrics."""

from __future__ import annotations

from trailhouse.dashboards.figures import (
    imported_metrics,
    option_perplexity,
    task_accuracy,
    task_groups,
    token_sets,
    trend_shares,
    validation_perplexity,
)
from trailhouse.dashboards.figures.figure import Figure

FIGURES: tuple[Figure, ...] = (
    validation_perplexity.FIGURE,
    trend_shares.FIGURE,
    *token_sets.FIGURES,
    option_perplexity.FIGURE,
    *task_accuracy.FIGURES,
    *task_groups.FIGURES,
    imported_metrics.FIGURE,
)
