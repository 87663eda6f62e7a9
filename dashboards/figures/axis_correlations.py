"""The figure of how well each axis predicts few-shot accuracy, and how sure that is."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import REFERENCE, TEXT
from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE, Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import add_legend, new_canvas
from trailhouse.dashboards.figures.task_rows import ACCURACY, GROUPS, choose_shots

MART = "fct_behaviour_alignment"
COLUMNS = (
    "subject",
    "variant",
    "axis",
    "spearman_correlation",
    "spearman_lower",
    "spearman_upper",
    "spearman_resampled_lower",
    "spearman_resampled_upper",
    "within_model_spearman",
    "between_model_spearman",
    "interval_note",
    "model_count",
    "point_count",
)
AXES = ("validation perplexity", "training FLOPs (PaLM)", "training FLOPs (6N)", "tokens seen", "parameters")
BANDS = (
    "Bands: 95% intervals of a jackknife over models. Thin lines: 95% of suites that are drawn from these models with"
    " replacement, which is not a confidence interval."
)


def draw_axes(panel: Axes, rows: pa.Table, title: str) -> None:
    """Draw Spearman's correlation with each axis, one axis a row, with its interval and its parts."""
    by_axis = {row["axis"]: row for row in rows.to_pylist()}
    for place, axis in enumerate(AXES):
        row = by_axis.get(axis, {})
        draw_range(panel, place, row, "spearman", height=0.5, alpha=0.2)
        draw_range(panel, place, row, "spearman_resampled", height=0.04, alpha=1)
    for column, marker, label in (
        ("spearman_correlation", "o", "all checkpoints"),
        ("within_model_spearman", "<", "within models (mean)"),
        ("between_model_spearman", "s", "between models"),
    ):
        known = [(place, by_axis[axis][column]) for place, axis in enumerate(AXES) if axis in by_axis]
        shown = [(place, value) for place, value in known if value is not None]
        is_filled = column == "spearman_correlation"
        panel.plot(
            [value for _, value in shown],
            [place for place, _ in shown],
            marker=marker,
            linestyle="none",
            label=label,
            color=TEXT if is_filled else REFERENCE,
            fillstyle="full" if is_filled else "none",
        )
    panel.axvline(0, color=REFERENCE, linestyle=":")
    panel.set(title=title, xlabel="Spearman correlation", xlim=(-1.05, 1.05), ylim=(len(AXES) - 0.5, -0.5))
    panel.set_yticks(range(len(AXES)), AXES)


def draw_range(
    panel: Axes, place: int, row: dict[str, float | None], name: str, *, height: float, alpha: float
) -> None:
    """Draw the range between two columns as a bar, if both are known."""
    low, high = row.get(f"{name}_lower"), row.get(f"{name}_upper")
    if low is not None and high is not None:
        color = TEXT
        panel.barh(place, high - low, height=height, left=low, color=color, alpha=alpha, linewidth=0)


def describe_points(title: str, rows: pa.Table) -> str:
    """Return the sentence that says how many checkpoints and models the correlations in the rows have."""
    models, points = (max(rows[name].to_pylist(), default=0) for name in ("model_count", "point_count"))
    return f"{title}: {points} checkpoints of {models} models."


def draw_correlations(rows: pa.Table, published: pa.Table) -> Canvas:
    """Draw the suite's mean accuracy, and the published mean accuracies, beside each other."""
    subjects = [("The suite's tasks", rows, "all")]
    if published.num_rows:
        subjects += [(f"Published: {group} tasks", published, group) for group in ("all", *GROUPS)]
    canvas, panels = new_canvas(len(subjects), "What predicts few-shot accuracy?")
    for panel, (title, table, subject) in zip(panels, subjects, strict=True):
        chosen = choose_shots(table)
        draw_axes(panel, chosen.filter(pc.equal(chosen["subject"], subject)), title)
    for panel in panels[1:]:
        panel.set_yticklabels([])
    tables = [(title, table) for title, table in (("The suite", rows), ("Published", published)) if table.num_rows]
    notes = sorted({note for note in rows["interval_note"].to_pylist() if note})
    add_notes(canvas, [*(describe_points(title, table) for title, table in tables), BANDS, *notes])
    add_legend(canvas, panels, title="Correlation")
    return canvas


FIGURE = Figure(
    name="axis_correlations",
    title="Correlation of few-shot accuracy with perplexity, compute, tokens and size",
    source="Section 5 of Xia et al. 2023",
    mart=MART,
    columns=COLUMNS,
    draw=draw_correlations,
    companions=(Companion(MART, COLUMNS, suite_id=PUBLISHED_SUITE, equals=ACCURACY),),
    equals=ACCURACY,
    sample="tokens",
)
