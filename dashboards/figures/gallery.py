"""All figures: those of Xia et al. 2023 by number, then what predicts accuracy, and the imported metrics.

The sensitivity of the trends stands behind figure 2.
"""

from __future__ import annotations

from trailhouse.dashboards.figures import (
    axis_correlations,
    imported_metrics,
    option_perplexity,
    task_accuracy,
    task_groups,
    token_sets,
    trend_sensitivity,
    trend_shares,
    validation_perplexity,
)
from trailhouse.dashboards.figures.figure import Figure

FIGURES: tuple[Figure, ...] = (
    validation_perplexity.FIGURE,
    trend_shares.FIGURE,
    trend_sensitivity.FIGURE,
    *token_sets.FIGURES,
    option_perplexity.FIGURE,
    *task_accuracy.FIGURES,
    *task_groups.FIGURES,
    axis_correlations.FIGURE,
    imported_metrics.FIGURE,
)
