"""Figures 8 and 9 of Xia et al. 2023: few-shot accuracy during training, of all tasks and of groups of tasks."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import REFERENCE
from trailhouse.dashboards.figures.axes import COMPUTE, VALIDATION, HorizontalAxis, finish_axis, keep_positive
from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.option_perplexity import draw_options
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_intervals,
    draw_models,
    draw_published,
    name_suite,
    new_canvas,
)
from trailhouse.dashboards.figures.task_rows import (
    ACCURACY,
    CORRECT_OPTIONS,
    GROUPS,
    INCORRECT_OPTIONS,
    MEAN_INTERVALS,
    MEASURE_COLUMNS,
    MEASURES,
    PUBLISHED_ACCURACY,
    TASK_CAVEATS,
    add_intervals,
    choose_shots,
    describe_items,
    express_percent,
    select_subject,
)

PUBLISHED_TASKS = "74 BIG-Bench tasks"
AXES = ((COMPUTE, "compute"), (VALIDATION, "perplexity"))


def draw_accuracy(panel: Axes, rows: pa.Table, axis: HorizontalAxis, title: str) -> None:
    """Draw accuracy in percent with one line per model, and a dotted line at the accuracy of random choices.

    If the rows have the columns ``lower`` and ``upper`` (percent), the interval between them is shaded.
    """
    rows = keep_positive(express_percent(rows, "measure_value"), axis.column)
    draw_models(panel, rows, x=axis.column, y="percent")
    if "lower" in rows.column_names:
        draw_intervals(panel, rows, x=axis.column, lower="lower", upper="upper")
    if rows.num_rows and rows["chance_value"].null_count < rows.num_rows:
        chance = 100 * pc.mean(rows["chance_value"]).as_py()
        panel.axhline(chance, color=REFERENCE, linestyle=":", label="chance")
    finish_axis(panel, axis, title)


def draw_published_accuracy(panel: Axes, rows: pa.Table, axis: HorizontalAxis, title: str) -> None:
    """Draw the accuracy of the models of a published suite, in percent, as grey lines."""
    rows = keep_positive(express_percent(rows, "measure_value"), axis.column)
    draw_published(panel, rows, x=axis.column, y="percent")
    finish_axis(panel, axis, title)


def describe_intervals(intervals: pa.Table) -> list[str]:
    """Return what the bands are, over how many items, and the interval of the mean over other tasks.

    The list is empty if ``intervals`` is empty.
    """
    last = max(intervals.to_pylist(), key=lambda row: (row["step"], row["model_place"]), default=None)
    if last is None:
        return []
    sentence = f"{describe_items(intervals)} Bands: 95% intervals over items. Published accuracies have no intervals."
    if last["accuracy_lower_over_tasks"] is None:
        return [sentence]
    name = last["model_id"].rpartition("/")[2]
    lower, upper = (100 * last[f"accuracy_{end}_over_tasks"] for end in ("lower", "upper"))
    over_tasks = f"Over other tasks of the kind, the last mean of {name} is {lower:.0f} to {upper:.0f}%."
    return [f"{sentence} {over_tasks}"]


def describe_tasks(rows: pa.Table) -> str:
    """Return what the tasks are: those of Xia et al. for a published suite, else the suite's own."""
    return PUBLISHED_TASKS if name_suite(rows) == PUBLISHED_SUITE else "Own tasks"


def draw_mean_accuracy(rows: pa.Table, published: pa.Table, intervals: pa.Table) -> Canvas:
    """Draw figure 8: mean accuracy over all tasks against compute and validation perplexity.

    The first two panels show the tasks on which the suite was evaluated. The last two panels show the accuracies that
    Xia et al. published, unless the suite is theirs. ``intervals`` holds the intervals of the suite's accuracies.
    """
    own, others = (select_subject(choose_shots(table), "all") for table in (rows, published))
    canvas, panels = new_canvas(4 if others.num_rows else 2, "Few-shot accuracy, mean over all tasks")
    intervals = choose_shots(intervals)
    own = add_intervals(own, intervals)
    for panel, (axis, name) in zip(panels[:2], AXES, strict=True):
        draw_accuracy(panel, own, axis, f"{describe_tasks(own)}, by {name}")
    for panel, (axis, name) in zip(panels[2:], AXES, strict=False):
        draw_published_accuracy(panel, others, axis, f"{PUBLISHED_TASKS}, by {name}")
    for first, second in zip(panels[::2], panels[1::2], strict=True):
        second.sharey(first)
        first.set_ylabel("Accuracy (%)")
    add_notes(canvas, describe_intervals(intervals))
    add_legend(canvas, panels)
    return canvas


def draw_groups(
    rows: pa.Table, correct: pa.Table, incorrect: pa.Table, published: pa.Table, intervals: pa.Table
) -> Canvas:
    """Draw figure 9: accuracy and option perplexity against validation perplexity, by group of tasks.

    The suite's panels show all of its tasks, and the groups of Xia et al. (linearity and breakthroughness) that hold at
    least one of them.
    """
    rows, correct, incorrect, intervals = (choose_shots(table) for table in (rows, correct, incorrect, intervals))
    present = set(rows["subject"].to_pylist())
    groups = ["all", *(group for group in GROUPS if group in present)]
    published_groups = GROUPS if published.num_rows else ()
    canvas, panels = new_canvas(
        2 * len(groups) + len(published_groups), "Accuracy and option perplexity by group of tasks"
    )
    for index, group in enumerate(groups):
        name = f"{group.capitalize()} tasks"
        own = select_subject(rows, group)
        draw_accuracy(panels[index], add_intervals(own, intervals) if group == "all" else own, VALIDATION, name)
        options = (select_subject(correct, group), select_subject(incorrect, group))
        draw_options(panels[len(groups) + index], *options, title=f"{name}: options")
        panels[index].set_ylabel("Accuracy (%)")
    others = panels[2 * len(groups) :]
    for panel, group in zip(others, published_groups, strict=True):
        draw_published_accuracy(panel, select_subject(published, group), VALIDATION, f"Published: {group} tasks")
    for panel in others[1:]:
        panel.sharey(others[0])
    for panel in others[:1]:
        panel.set_ylabel("Accuracy (%)")
    add_notes(canvas, describe_intervals(intervals))
    add_legend(canvas, panels)
    return canvas


FIGURES = (
    Figure(
        name="figure_08_task_accuracy",
        title="Few-shot accuracy against compute and validation perplexity",
        source="Xia et al. 2023, Figure 8",
        mart=MEASURES,
        columns=MEASURE_COLUMNS,
        draw=draw_mean_accuracy,
        companions=(PUBLISHED_ACCURACY, MEAN_INTERVALS),
        caveat_mart=TASK_CAVEATS,
        are_caveats_of_corpus=False,
        equals=ACCURACY,
    ),
    Figure(
        name="figure_09_task_groups",
        title="Accuracy and option perplexity by group of tasks",
        source="Xia et al. 2023, Figure 9",
        mart=MEASURES,
        columns=MEASURE_COLUMNS,
        draw=draw_groups,
        companions=(CORRECT_OPTIONS, INCORRECT_OPTIONS, PUBLISHED_ACCURACY, MEAN_INTERVALS),
        caveat_mart=TASK_CAVEATS,
        are_caveats_of_corpus=False,
        equals=ACCURACY,
    ),
)
