"""Perplexity of correct and incorrect answer options: figure 5 (right) of Xia et al. 2023, and panels of figure 9."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import REFERENCE, TEXT
from trailhouse.dashboards.figures.axes import (
    VALIDATION,
    finish_axis,
    finish_size_axis,
    keep_positive,
    scale_logarithmically,
)
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import add_legend, new_canvas, order_by_size
from trailhouse.dashboards.figures.task_rows import (
    CORRECT,
    INCORRECT_OPTIONS,
    MEAN_INTERVALS,
    MEASURE_COLUMNS,
    MEASURES,
    choose_shots,
    describe_items,
    express_perplexity,
    keep_last,
    select_subject,
)

CORRECT_LABEL, INCORRECT_LABEL = "correct options", "incorrect options"


def draw_options(panel: Axes, correct: pa.Table, incorrect: pa.Table, title: str) -> None:
    """Draw the perplexity of correct and incorrect options against validation perplexity, with two lines per model.

    Both lines have the colour and the marker of the model. Correct options have filled markers and a solid line,
    incorrect options have open markers and a dashed line.
    """
    for rows, label, linestyle, fillstyle in (
        (correct, CORRECT_LABEL, "-", "full"),
        (incorrect, INCORRECT_LABEL, "--", "none"),
    ):
        shown = keep_positive(express_perplexity(order_by_size(rows)), VALIDATION.column)
        for model_id, line in assign_styles(shown).items():
            series = shown.filter(pc.equal(shown["model_id"], model_id)).sort_by(VALIDATION.column)
            panel.plot(
                series[VALIDATION.column].to_pylist(),
                series["perplexity"].to_pylist(),
                color=line.color,
                marker=line.marker,
                linestyle=linestyle,
                fillstyle=fillstyle,
            )
        if shown.num_rows:
            panel.plot([], [], color=TEXT, marker="o", linestyle=linestyle, fillstyle=fillstyle, label=label)
    panel.set(ylabel="Perplexity of the options")
    scale_logarithmically(panel, "y")
    finish_axis(panel, VALIDATION, title)


def draw_option_scaling(correct: pa.Table, incorrect: pa.Table, intervals: pa.Table) -> Canvas:
    """Draw figure 5 (right): option perplexity at each model's last checkpoint, against the number of parameters.

    One line shows the correct options, and one line the incorrect options. ``intervals`` states how many items there
    are.
    """
    canvas, (panel,) = new_canvas(1, "Perplexity of answer options")
    for rows, label, color, linestyle, fillstyle in (
        (correct, CORRECT_LABEL, TEXT, "-", "full"),
        (incorrect, INCORRECT_LABEL, REFERENCE, "--", "none"),
    ):
        last = keep_last(express_perplexity(select_subject(choose_shots(rows), "all")))
        sizes, perplexities = last["parameter_count"].to_pylist(), last["perplexity"].to_pylist()
        panel.plot(sizes, perplexities, label=label, color=color, marker="o", linestyle=linestyle, fillstyle=fillstyle)
    panel.set(ylabel="Perplexity at the last checkpoint")
    scale_logarithmically(panel, "y")
    finish_size_axis(panel, correct["parameter_count"].to_pylist())
    add_notes(canvas, [describe_items(choose_shots(intervals))])
    add_legend(canvas, [panel], title="Options")
    return canvas


FIGURE = Figure(
    name="figure_05_option_perplexity",
    title="Perplexity of correct and incorrect options by size",
    source="Xia et al. 2023, Figure 5, right",
    mart=MEASURES,
    columns=MEASURE_COLUMNS,
    draw=draw_option_scaling,
    companions=(INCORRECT_OPTIONS, MEAN_INTERVALS),
    sample="none",
    equals=CORRECT,
)
