"""All figures and tables: those of Xia et al. 2023 by number, what predicts accuracy, imported metrics, and phases.

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
from trailhouse.dashboards.figures.phases import (
    checkpoint_agreement,
    ngram_correlations,
    phase_ladder,
    variance_explained,
)
from trailhouse.dashboards.figures.sequences import (
    corruption_perplexity,
    generated_examples,
    generation_perplexity,
    generation_quality,
)
from trailhouse.dashboards.figures.table import Table

FIGURES: tuple[Figure, ...] = (
    validation_perplexity.FIGURE,
    trend_shares.FIGURE,
    trend_sensitivity.FIGURE,
    *token_sets.FIGURES,
    corruption_perplexity.FIGURE,
    option_perplexity.FIGURE,
    *generation_perplexity.FIGURES,
    *task_accuracy.FIGURES,
    generation_quality.FIGURE,
    *generation_perplexity.LATER_FIGURES,
    *task_groups.FIGURES,
    axis_correlations.FIGURE,
    imported_metrics.FIGURE,
    ngram_correlations.FIGURE,
    phase_ladder.FIGURE,
    ngram_correlations.SEED_FIGURE,
    variance_explained.FIGURE,
    variance_explained.COEFFICIENT_FIGURE,
    checkpoint_agreement.FIGURE,
)

TABLES: tuple[Table, ...] = (generated_examples.TABLE, generation_quality.TABLE)
