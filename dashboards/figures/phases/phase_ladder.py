"""Onset and peak of the correlation with n-grams of each order, and whether the peaks come in the order of n."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import REFERENCE, TEXT
from trailhouse.dashboards.figures.axes import scale_logarithmically
from trailhouse.dashboards.figures.exhibit import Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import add_legend
from trailhouse.dashboards.figures.phases.phase_rows import (
    NGRAM_MODEL,
    POSITIVE_STEPS,
    Row,
    choose_models,
    choose_ngrams,
    describe_left_out,
    describe_ngrams,
    name_model,
)
from trailhouse.dashboards.figures.phases.step_panels import list_left_panels, new_grid
from trailhouse.support.visible_text import make_label

ONSET = "Onset: the first step at which the correlation has come half the way from the first checkpoint to the peak."
INTERVALS = "Bars: 95% intervals of a bootstrap over documents."
TOLERANCE = (
    "Bars: checkpoints whose correlation is within the tolerance of the peak; no words were published to draw anew."
)
BASES = {
    "bootstrap": "a bootstrap over documents (in brackets: the share of replicates in order)",
    "argmax with tolerance": "the greatest correlations with a tolerance",
}
PEAK_COLUMNS = (
    "corpus_id",
    "model_id",
    "architecture",
    "parameter_count",
    *NGRAM_MODEL,
    "ngram_order",
    "peak_correlation",
    "onset_step",
    "onset_step_low",
    "onset_step_high",
    "peak_step",
    "peak_step_low",
    "peak_step_high",
    "tolerance_first_step",
    "tolerance_last_step",
    "is_published",
)
ORDERS = Companion("fct_phase_order", ("model_id", *NGRAM_MODEL, "verdict", "in_order_share", "verdict_basis"))


def draw_ladder(rows: pa.Table, verdicts: pa.Table) -> Canvas:
    """Draw a rung for each order, from its onset to its peak: a panel for each model, with its verdict above."""
    chosen, other_count = choose_ngrams(list_peaks(rows), "peak_correlation")
    models, left_out_count = choose_models(chosen)
    key = tuple(chosen[0][column] for column in NGRAM_MODEL)
    judged = {
        row["model_id"]: row for row in verdicts.to_pylist() if tuple(row[column] for column in NGRAM_MODEL) == key
    }
    canvas, panels = new_grid(len(models), "Phases: onset and peak of each order of n-grams")
    steps = [
        step
        for of_model in models.values()
        for row in of_model
        for step in (row["onset_step"], row["peak_step"], row["peak_step_high"], row["tolerance_last_step"])
        if step
    ]
    for panel, (model_id, of_model) in zip(panels, models.items(), strict=True):
        draw_rungs(panel, of_model)
        title = name_model(of_model)
        if model_id in judged:
            title += f"\n{write_verdict(judged[model_id])}"
        panel.set_title(title, parse_math=False)
        orders = sorted({row["ngram_order"] for row in chosen})
        panel.set(xlabel="Step", ylim=(orders[0] - 0.6, orders[-1] + 0.6), xlim=(min(steps) / 1.5, max(steps) * 1.5))
        panel.set_yticks(orders, [str(order) for order in orders])
        scale_logarithmically(panel, "x")
    for panel in list_left_panels(panels):
        panel.set_ylabel("Order of the n-grams")
    notes = [
        *state_order(list(judged.values())),
        f"Corpus: {make_label(chosen[0]['corpus_id'])}.",
        *describe_ngrams(chosen, other_count),
        ONSET,
        TOLERANCE if chosen[0]["is_published"] else INTERVALS,
        POSITIVE_STEPS,
        *describe_left_out(left_out_count),
    ]
    add_notes(canvas, notes)
    add_legend(canvas, panels)
    return canvas


def list_peaks(rows: pa.Table, *_companions: pa.Table) -> list[Row]:
    """Return the rows whose peak has a place on a logarithmic axis."""
    return [row for row in rows.to_pylist() if row["peak_step"] > 0]


def draw_rungs(panel: Axes, rows: Sequence[Row]) -> None:
    """Draw the onset and the peak of each order with their intervals, and a line from one to the other."""
    for row in rows:
        order = row["ngram_order"]
        peak_ends = ("tolerance_first_step", "tolerance_last_step")
        if not row["is_published"]:
            peak_ends = ("peak_step_low", "peak_step_high")
        for (low, high), color, height in (
            (peak_ends, TEXT, 0.18),
            (("onset_step_low", "onset_step_high"), REFERENCE, -0.18),
        ):
            if row[low] is not None and row[high] is not None and row[low] > 0:
                panel.plot([row[low], row[high]], [order + height] * 2, color=color, linewidth=2.5, alpha=0.5)
        if row["onset_step"] and row["peak_step"]:
            panel.plot([row["onset_step"], row["peak_step"]], [order] * 2, color=REFERENCE, linewidth=0.8)
        for column, fill, label in (("onset_step", "none", "onset"), ("peak_step", "full", "peak")):
            if row[column]:
                panel.plot(
                    row[column],
                    order,
                    marker="o",
                    linestyle="none",
                    color=TEXT,
                    fillstyle=fill,
                    markersize=5,
                    label=label,
                )


def write_verdict(row: Row) -> str:
    """Write the verdict on a model, with the share of the replicates in which the peaks come in order."""
    share = "" if row["in_order_share"] is None else f" ({100 * row['in_order_share']:.0f}%)"
    return f"{row['verdict']}{share}"


def state_order(verdicts: Sequence[Row]) -> list[str]:
    """Return the sentence that says in how many models the phases come in order, and what decides it."""
    rows = list(verdicts)
    if not rows:
        return []
    counts = Counter(row["verdict"] for row in rows)
    bases = " and ".join(sorted({BASES[row["verdict_basis"]] for row in rows}))
    return [
        f"The peaks come in the order of n in {counts['in order']} of {len(rows)} models and not in "
        f"{counts['not in order']}; of {counts['cannot be told']} it cannot be told. Judged by {bases}."
    ]


FIGURE = Figure(
    name="phase_ladder",
    title="Onset and peak of each order of n-grams",
    source="Michaelov et al. 2025",
    mart="fct_phase_peak",
    columns=PEAK_COLUMNS,
    draw=draw_ladder,
    companions=(ORDERS,),
    sample="none",
    is_drawable=lambda *tables: bool(list_peaks(*tables)),
)
