"""Correlation of log-probabilities with n-grams of each order over training, by model and over seeds."""

from __future__ import annotations

import pyarrow as pa
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.axes import describe_size
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import add_legend
from trailhouse.dashboards.figures.phases.phase_rows import (
    POSITIVE_STEPS,
    choose_models,
    choose_ngrams,
    describe_count,
    describe_left_out,
    describe_ngrams,
    find_limits,
    group_rows,
    has_known,
    keep_known,
    name_model,
)
from trailhouse.dashboards.figures.phases.step_panels import draw_orders, finish_panel, list_left_panels, new_grid
from trailhouse.dashboards.figures.sequences.measure import write_range
from trailhouse.support.visible_text import make_label

SOURCE = "Michaelov et al. 2025"
FISHER = "Bands: Fisher's 95% intervals of the correlation over {}s."
STUDENT = (
    "Lines: means over runs that differ in their seed alone; bands: their 95% intervals over seeds, by Student's t."
)
LABEL = "Pearson correlation"
BOUNDS, SEED_BOUNDS = ("pearson_low", "pearson_high"), ("mean_low", "mean_high")


def draw_correlations(rows: pa.Table) -> Canvas:
    """Draw the correlation with n-grams against the step: a panel for each model, a line for each order."""
    chosen, other_count = choose_ngrams(keep_known(rows.to_pylist(), "pearson"), "pearson")
    models, left_out_count = choose_models(chosen)
    shown = [row for of_model in models.values() for row in of_model]
    orders = sorted({row["ngram_order"] for row in shown})
    canvas, panels = new_grid(len(models), "Correlation of log-probabilities with n-grams")
    limits = find_limits(shown, "pearson", *BOUNDS)
    for panel, of_model in zip(panels, models.values(), strict=True):
        draw_orders(panel, of_model, orders, "pearson", BOUNDS)
        finish_panel(panel, name_model(of_model), limits)
    for panel in list_left_panels(panels):
        panel.set_ylabel(LABEL)
    unit, has_counts = shown[0]["unit"], any(row["unit_count"] is not None for row in shown)
    notes = [
        f"{make_label(shown[0]['corpus_id'])}: {describe_count(shown, 'unit_count', f'training {unit}s')}",
        *describe_ngrams(shown, other_count),
        *([FISHER.format(unit)] if has_counts else []),
        POSITIVE_STEPS,
        *describe_left_out(left_out_count),
    ]
    add_notes(canvas, notes)
    add_legend(canvas, panels)
    return canvas


def draw_seed_means(rows: pa.Table) -> Canvas:
    """Draw the mean correlation over seeds: a panel for each architecture and size, a line for each order."""
    several = [row for row in keep_known(rows.to_pylist(), "mean_value") if row["seed_count"] > 1]
    kinds = ("architecture", "parameter_count")
    chosen, other_count = choose_ngrams(
        [row | {"model_id": tuple(map(row.get, kinds))} for row in several], "mean_value"
    )
    runs = group_rows(sorted(chosen, key=lambda row: (row["parameter_count"], row["architecture"])), kinds)
    orders = sorted({row["ngram_order"] for row in chosen})
    canvas, panels = new_grid(len(runs), "Correlation of log-probabilities with n-grams, over seeds")
    limits = find_limits(chosen, "mean_value", *SEED_BOUNDS)
    for panel, ((architecture, parameter_count), of_runs) in zip(panels, runs.items(), strict=True):
        draw_orders(panel, of_runs, orders, "mean_value", SEED_BOUNDS)
        seeds = write_range(row["seed_count"] for row in of_runs)
        title = f"{make_label(architecture)}, {describe_size(parameter_count)}, {seeds} seeds"
        finish_panel(panel, title, limits)
    for panel in list_left_panels(panels):
        panel.set_ylabel("Mean correlation")
    corpus = f"Corpus: {make_label(chosen[0]['corpus_id'])}."
    add_notes(canvas, [corpus, *describe_ngrams(chosen, other_count), STUDENT, POSITIVE_STEPS])
    add_legend(canvas, panels)
    return canvas


def has_seeds(rows: pa.Table, *_companions: pa.Table) -> bool:
    """Return whether several seeds were averaged."""
    return any(row["seed_count"] > 1 and row["step"] > 0 for row in rows.to_pylist())


COLUMNS = (
    "corpus_id",
    "model_id",
    "architecture",
    "parameter_count",
    "step",
    "unit",
    "predictor_source",
    "provider",
    "smoothing",
    "ngram_order",
    "unit_count",
    "pearson",
    *BOUNDS,
)
FIGURE = Figure(
    name="phase_correlations",
    title="Correlation of log-probabilities with n-grams over training",
    source=SOURCE,
    mart="fct_phase_correlation_by_checkpoint",
    columns=COLUMNS,
    draw=draw_correlations,
    equals=(("predictor_kind", "ngram"),),
    sample="none",
    is_drawable=has_known("pearson"),
)
SEED_FIGURE = Figure(
    name="phase_correlations_over_seeds",
    title="Correlation of log-probabilities with n-grams over training, over seeds",
    source=SOURCE,
    mart="fct_phase_seed_mean",
    columns=(
        "corpus_id",
        "architecture",
        "parameter_count",
        "step",
        "unit",
        "predictor_source",
        "provider",
        "smoothing",
        "ngram_order",
        "seed_count",
        "mean_value",
        *SEED_BOUNDS,
    ),
    draw=draw_seed_means,
    equals=(("measure", "pearson"), ("predictor_kind", "ngram")),
    sample="none",
    is_drawable=has_seeds,
)
