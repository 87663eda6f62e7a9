"""Figures 17 and 18 of Xia et al. 2023: accuracy of the tasks of a group, by model size and during training."""

from __future__ import annotations

from functools import partial
from math import ceil

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.colours import REFERENCE, choose_grey
from trailhouse.dashboards.figures.axes import COMPUTE, finish_axis, finish_size_axis, keep_positive
from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE, Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_intervals,
    draw_models,
    draw_published,
    new_canvas,
    order_by_size,
)
from trailhouse.dashboards.figures.task_rows import (
    TASK_CAVEATS,
    add_intervals,
    choose_shots,
    express_percent,
    keep_last,
    select_group,
)

COLUMN_COUNT = 5
BANDS = "Bands: 95% intervals over the items of a task."
GREYS = "Last checkpoints: one line per task, from dark to light in the order of the panels."
DARKEST_TASK, LIGHTEST_TASK = 0.15, 0.7


def draw_scaling(panel: Axes, rows: pa.Table, title: str) -> None:
    """Draw the accuracy of every model's last checkpoint against model size, one grey line per task."""
    tasks = sorted(set(rows["task_set"].to_pylist()))
    for index, task in enumerate(tasks):
        last = keep_last(rows.filter(pc.equal(rows["task_set"], task)))
        shade = choose_grey(index, len(tasks), DARKEST_TASK, LIGHTEST_TASK)
        panel.plot(last["parameter_count"].to_pylist(), last["percent"].to_pylist(), color=shade, marker=".")
    panel.set_title(title)
    finish_size_axis(panel, rows["parameter_count"].to_pylist())


def draw_own_task(panel: Axes, rows: pa.Table, task: str) -> None:
    """Draw the accuracy of a suite's models on one task during training, and a dotted line at chance accuracy.

    The 95% interval of the accuracy over items is shaded.
    """
    shown = rows.filter(pc.equal(rows["task_set"], task))
    drawn = keep_positive(shown, COMPUTE.column)
    draw_models(panel, drawn, x=COMPUTE.column, y="percent")
    draw_intervals(panel, drawn, x=COMPUTE.column, lower="lower", upper="upper")
    panel.axhline(100 * pc.mean(shown["chance_accuracy_ratio"]).as_py(), color=REFERENCE, linestyle=":")
    finish_axis(panel, COMPUTE, task)


def draw_published_task(panel: Axes, rows: pa.Table, task: str) -> None:
    """Draw the accuracy of a published suite's models on one task during training."""
    draw_published(panel, rows.filter(pc.equal(rows["task_set"], task)), x=COMPUTE.column, y="percent")
    finish_axis(panel, COMPUTE, f"Published: {task}")


def draw_task_group(rows: pa.Table, published: pa.Table, group: str) -> Canvas:
    """Draw the accuracy of the tasks of a group, for the suite's models and then for published models.

    In both parts, the first panel shows the accuracy of the last checkpoints against model size. One further panel per
    task shows the accuracy during training. If the suite has no task of the group, the figure shows the published
    models only.
    """
    own = select_group(choose_shots(rows), group)
    own = add_intervals(own, own)
    others = select_group(published, group)
    own, others = (express_percent(order_by_size(table), "accuracy_ratio") for table in (own, others))
    own_tasks, published_tasks = (sorted(set(table["task_set"].to_pylist())) for table in (own, others))
    panel_count = sum(1 + len(tasks) for tasks in (own_tasks, published_tasks) if tasks)
    row_count = max(1, ceil(panel_count / COLUMN_COUNT))
    title = f"Scaling curves and trajectories of {group} tasks" + ("" if own_tasks else ", published models only")
    canvas, panels = new_canvas(COLUMN_COUNT * row_count, title, row_count)
    remaining = iter(panels)
    if own_tasks:
        draw_scaling(next(remaining), own, "Own: last checkpoints")
        add_notes(canvas, [f"{describe_task_items(own)} {BANDS}"])
    else:
        add_notes(canvas, [f"The suite was evaluated on no {group} task."])
    for task in own_tasks:
        draw_own_task(next(remaining), own, task)
    if published_tasks:
        draw_scaling(next(remaining), others, "Published: last checkpoints")
    for task in published_tasks:
        draw_published_task(next(remaining), others, task)
    for panel in remaining:
        panel.set_axis_off()
    for panel in panels[::COLUMN_COUNT]:
        panel.set_ylabel("Accuracy (%)")
    add_notes(canvas, [GREYS])
    add_legend(canvas, panels)
    return canvas


def describe_task_items(rows: pa.Table) -> str:
    """Return how many exemplars there are, and how many items a task has."""
    counts, shots = (sorted(set(rows[name].to_pylist())) for name in ("item_count", "shot_count"))
    items = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{shots[0]} exemplars in the prompt, {items} items in a task."


PUBLISHED_TASKS = Companion(
    "fct_published_task_accuracy",
    ("task_set", "published_groups", "model_id", "parameter_count", "step", "train_flops_palm", "accuracy_ratio"),
    suite_id=PUBLISHED_SUITE,
    equals=(("task_set_kind", "task"),),
)


def define_figure(number: int, group: str) -> Figure:
    """Return the definition of figure ``number``, which shows the tasks of ``group``."""
    return Figure(
        name=f"figure_{number}_{group}_tasks",
        title=f"Scaling curves and trajectories of {group} tasks",
        source=f"Xia et al. 2023, Figure {number}",
        mart="fct_task_accuracy_by_checkpoint",
        columns=(
            *PUBLISHED_TASKS.columns,
            "shot_count",
            "item_count",
            "chance_accuracy_ratio",
            "accuracy_lower",
            "accuracy_upper",
        ),
        draw=partial(draw_task_group, group=group),
        companions=(PUBLISHED_TASKS,),
        caveat_mart=TASK_CAVEATS,
        are_caveats_of_corpus=False,
        equals=(("task_set_kind", "task"), ("normalisation", "token")),
        corpus_column=None,
        sample="none",
    )


FIGURES = (define_figure(17, "linearity"), define_figure(18, "breakthroughness"))
