"""The regression of log-probabilities on 1-grams, 5-grams and similarity over training: R-squared and coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import REFERENCE, TEXT, choose_grey
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import add_legend
from trailhouse.dashboards.figures.phases.phase_rows import (
    POSITIVE_STEPS,
    Row,
    choose_models,
    describe_count,
    describe_left_out,
    find_limits,
    group_rows,
    has_known,
    keep_known,
    name_model,
)
from trailhouse.dashboards.figures.phases.step_panels import draw_steps, finish_panel, list_left_panels, new_grid
from trailhouse.support.visible_text import make_label

# The predictors from the bottom of the areas to their top: the beginnings of their columns, and their labels.
PREDICTORS = (("fivegram", "5-grams"), ("unigram", "1-grams"), ("similarity", "similarity"))
R_SQUARED = ("r_squared_train", "r_squared_validation")
SHARES = tuple(f"{name}_share" for name, _ in PREDICTORS)
COEFFICIENTS = tuple(f"{name}_coefficient" for name, _ in PREDICTORS)
ERRORS = tuple(f"{name}_standard_error" for name, _ in PREDICTORS)
AREAS = "Areas: the part of R-squared on training words that each predictor owns (Shapley values)."
R_SQUARED_NOTE = (
    "R-squared on validation words is that of the regression fitted on the training words, without an interval."
)
ERROR_BARS = "Bars: one standard error of ordinary least squares to either side."
Z_SCORES = "All columns are z-scores over the words of the corpus."
WEIGHTINGS = {"unweighted": "equally", "position": "by position"}
DARKEST, LIGHTEST = 0.45, 0.88


def choose_regression(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Return the rows of one regression, and the number of others.

    Regressions with a similarity come first. Then the one of the most models is chosen, then unweighted contexts,
    stupid backoff, and the highest R-squared.
    """
    found = group_rows(rows, ("vectors_id", "weighting", "smoothing", "regression_id"))

    def rank(key: tuple[str, ...]) -> tuple[object, ...]:
        vectors_id, weighting, smoothing, _ = key
        model_count = len({row["model_id"] for row in found[key]})
        heights = (row["r_squared_train"] for row in found[key] if row["r_squared_train"] is not None)
        is_usual = (weighting == "unweighted", smoothing == "stupid_backoff")
        return vectors_id != "", model_count, *is_usual, max(heights, default=-1.0), key

    chosen = max(found, key=rank, default=())
    return found.get(chosen, []), max(0, len(found) - 1)


def draw_r_squared(rows: pa.Table) -> Canvas:
    """Draw R-squared on training and validation words against the step, with the part that each predictor owns."""
    chosen, other_count = choose_regression(keep_known(rows.to_pylist(), "r_squared_train"))
    models, left_out_count = choose_models(chosen)
    shown = [row for of_model in models.values() for row in of_model]
    canvas, panels = new_grid(len(models), "Variance of log-probabilities that n-grams and similarity explain")
    limits = find_limits([*shown, {"step": 1, "r_squared_train": 0.0, "r_squared_validation": None}], *R_SQUARED)
    for panel, of_model in zip(panels, models.values(), strict=True):
        draw_shares(panel, of_model)
        names = (
            ("r_squared_train", "R², training words", TEXT),
            ("r_squared_validation", "R², validation words", REFERENCE),
        )
        for place, (column, label, color) in enumerate(names):
            draw_steps(panel, of_model, column, label=label, color=color, place=place)
        finish_panel(panel, name_model(of_model), limits)
    for panel in list_left_panels(panels):
        panel.set_ylabel("R²")
    has_shares = bool(keep_known(shown, *SHARES))
    notes = [*describe_regression(shown, other_count), *([AREAS] if has_shares else []), R_SQUARED_NOTE, POSITIVE_STEPS]
    add_notes(canvas, [*notes, *describe_left_out(left_out_count)])
    add_legend(canvas, panels)
    return canvas


def draw_shares(panel: Axes, rows: Sequence[Row]) -> None:
    """Draw the part of R-squared that each predictor owns as stacked areas in greys, the lowest the darkest."""
    known = keep_known(rows, *SHARES)
    if not known:
        return
    greys = [choose_grey(place, len(SHARES), DARKEST, LIGHTEST) for place in range(len(SHARES))]
    areas = [[row[column] for row in known] for column in SHARES]
    labels = [f"owned by {label}" for _, label in PREDICTORS]
    panel.stackplot([row["step"] for row in known], *areas, labels=labels, colors=greys, linewidth=0)


def draw_coefficients(rows: pa.Table) -> Canvas:
    """Draw the coefficients of the regression of z-scores against the step, with their standard errors."""
    chosen, other_count = choose_regression(keep_known(rows.to_pylist(), *COEFFICIENTS, *ERRORS))
    models, left_out_count = choose_models(chosen)
    shown = [row for of_model in models.values() for row in of_model]
    canvas, panels = new_grid(len(models), "Coefficients of n-grams and similarity")
    limits = find_limits(shown, *COEFFICIENTS, margin=0.15)
    for panel, of_model in zip(panels, models.values(), strict=True):
        panel.axhline(0, color=REFERENCE, linewidth=0.8)
        for place, (name, label) in enumerate(PREDICTORS):
            grey = choose_grey(place, len(PREDICTORS), 0, 0.6)
            draw_steps(panel, of_model, f"{name}_coefficient", label=label, color=grey, place=place)
            values, errors = ([row[f"{name}_{end}"] for row in of_model] for end in ("coefficient", "standard_error"))
            steps = [row["step"] for row in of_model]
            panel.errorbar(steps, values, yerr=errors, color=grey, linestyle="none", capsize=2)
        finish_panel(panel, name_model(of_model), limits)
    for panel in list_left_panels(panels):
        panel.set_ylabel("Coefficient")
    notes = [*describe_regression(shown, other_count), Z_SCORES, ERROR_BARS, POSITIVE_STEPS]
    add_notes(canvas, [*notes, *describe_left_out(left_out_count)])
    add_legend(canvas, panels)
    return canvas


def describe_regression(rows: Sequence[Row], other_count: int) -> list[str]:
    """Return the sentences of a caption about the words, the n-grams and the vectors of a regression."""
    first = rows[0]
    training, validation = (
        describe_count(rows, f"{part}_count", f"{part} words") for part in ("training", "validation")
    )
    vectors = f"by the vectors {make_label(first['vectors_id'])}, contexts weighted {WEIGHTINGS[first['weighting']]}"
    sentences = [
        f"{make_label(first['corpus_id'])}: {training} {validation if validation != training else ''}".strip(),
        f"Regression on 1-grams and 5-grams counted in {make_label(first['ngram_corpus_id'])} "
        f"({first['smoothing'].replace('_', ' ')}) and on similarity {vectors}.",
    ]
    if other_count:
        sentences.append(f"Not shown: regressions on other predictors ({other_count}).")
    return sentences


COLUMNS = (
    "corpus_id",
    "model_id",
    "architecture",
    "parameter_count",
    "step",
    "regression_id",
    "ngram_corpus_id",
    "smoothing",
    "vectors_id",
    "weighting",
    "training_count",
    "validation_count",
)
MART = "fct_phase_regression_by_checkpoint"
SOURCE = "Michaelov et al. 2025"
FIGURE = Figure(
    name="phase_variance_explained",
    title="Variance of log-probabilities that n-grams and similarity explain",
    source=SOURCE,
    mart=MART,
    columns=(*COLUMNS, *R_SQUARED, *SHARES),
    draw=draw_r_squared,
    sample="none",
    is_drawable=has_known("r_squared_train"),
)
COEFFICIENT_FIGURE = Figure(
    name="phase_coefficients",
    title="Coefficients of n-grams and similarity over training",
    source=SOURCE,
    mart=MART,
    columns=(*COLUMNS, "r_squared_train", *COEFFICIENTS, *ERRORS),
    draw=draw_coefficients,
    sample="none",
    is_drawable=has_known(*COEFFICIENTS, *ERRORS),
)
