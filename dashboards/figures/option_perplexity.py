"""Perplexity of correct and incorrect answer options: figure 5 (right) of Xia et al. 2023, and panels of figure 9."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.axes import (
    VALIDATION,
    finish_axis,
    finish_size_axis,
    keep_positive,
    scale_logarithmically,
)
from trailhouse.dashboards.figures.figure import Figure
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import add_legend, draw_models, list_models, new_canvas
from trailhouse.dashboards.figures.task_rows import (
    CORRECT,
    INCORRECT_OPTIONS,
    MEASURE_COLUMNS,
    MEASURES,
    choose_shots,
    express_perplexity,
    keep_last,
    select_subject,
)


def draw_options(panel: Axes, correct: pa.Table, incorrect: pa.Table, title: str) -> None:
    """Draw the perplexity of correct and incorrect options against validation perplexity, with two lines per model.

    The line of the correct options has the model's line style. The line of the incorrect options is dotted. Both lines
    have the colour of the model.
    """
    correct = keep_positive(express_perplexity(correct), VALIDATION.column)
    incorrect = keep_positive(express_perplexity(incorrect), VALIDATION.column)
    draw_models(panel, correct, x=VALIDATION.column, y="perplexity")
    for model_id, line in assign_styles(list_models(correct)).items():
        series = incorrect.filter(pc.equal(incorrect["model_id"], model_id)).sort_by(VALIDATION.column)
        points = (series[VALIDATION.column].to_pylist(), series["perplexity"].to_pylist())
        panel.plot(*points, color=line.color, linestyle=":", linewidth=1, label=f"{model_id}, incorrect options")
    panel.set(ylabel="Perplexity of the options")
    scale_logarithmically(panel, "y")
    finish_axis(panel, VALIDATION, title)


def draw_option_scaling(correct: pa.Table, incorrect: pa.Table) -> Canvas:
    """Draw figure 5 (right): option perplexity at each model's last checkpoint, against the number of parameters.

    One line shows the correct options, and one line the incorrect options.
    """
    canvas, (panel,) = new_canvas(1, "Perplexity of options")
    styles = assign_styles(("correct options", "incorrect options"))
    for rows, (label, line) in zip((correct, incorrect), styles.items(), strict=True):
        last = keep_last(express_perplexity(select_subject(choose_shots(rows), "all")))
        sizes, perplexities = last["parameter_count"].to_pylist(), last["perplexity"].to_pylist()
        panel.plot(sizes, perplexities, label=label, color=line.color, marker=line.marker, linestyle=line.linestyle)
    panel.set(ylabel="Perplexity at the last checkpoint")
    scale_logarithmically(panel, "y")
    finish_size_axis(panel, correct["parameter_count"].to_pylist())
    add_legend(canvas, [panel], title="Options")
    return canvas


FIGURE = Figure(
    name="figure_05_option_perplexity",
    title="Perplexity of correct and incorrect options by size",
    source="Xia et al. 2023, Figure 5, right",
    mart=MEASURES,
    columns=MEASURE_COLUMNS,
    draw=draw_option_scaling,
    companions=(INCORRECT_OPTIONS,),
    equals=CORRECT,
)
