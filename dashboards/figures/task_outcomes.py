"""Figures 5 (right), 8, 9, 17 and 18 of Xia et al. 2023: few-shot accuracy, and the perplexity of the options."""

from __future__ import annotations

from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullFormatter

from trailhouse.dashboards.figures.figure import Companion, Figure
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_models,
    draw_published,
    new_canvas,
    scale_logarithmically,
)

SHOT_COUNT = 2
COMPUTE = ("train_flops_palm", "Training compute (FLOPs)")
VALIDATION = ("validation_perplexity", "Validation perplexity")
GROUPS = ("linearity", "breakthroughness")
COLUMN_COUNT = 5


def choose_shots(rows: pa.Table) -> pa.Table:
    """Rows of two shots, as in the paper, or else of the most there are."""
    if "variant" in rows.column_names:
        digits = pc.replace_substring(rows["variant"].cast(pa.string()), "-shot", "")
        rows = rows.append_column("shot_count", digits.cast(pa.int64()))
    if rows.num_rows == 0:
        return rows
    counts = set(rows["shot_count"].to_pylist())
    return rows.filter(pc.equal(rows["shot_count"], SHOT_COUNT if SHOT_COUNT in counts else max(counts)))


def order_by_size(rows: pa.Table) -> pa.Table:
    """Rows in the order of the models' sizes."""
    return rows.sort_by([("parameter_count", "ascending"), ("model_id", "ascending")])


def select_subject(rows: pa.Table, subject: str) -> pa.Table:
    """Rows about one task or group of tasks, the models in the order of their sizes."""
    return order_by_size(rows.filter(pc.equal(rows["subject"], subject)))


def express_percent(rows: pa.Table, column: str) -> pa.Table:
    """Add the column ``percent``."""
    return rows.append_column("percent", pc.multiply(rows[column].cast(pa.float64()), 100))


def express_perplexity(rows: pa.Table) -> pa.Table:
    """Add the column ``perplexity`` to rows of losses."""
    return rows.append_column("perplexity", pc.exp(rows["measure_value"]))


def keep_positive(rows: pa.Table, column: str) -> pa.Table:
    """Rows with a place on a logarithmic axis."""
    return rows.filter(pc.greater(rows[column], 0))


def keep_last(rows: pa.Table) -> pa.Table:
    """Rows of the last checkpoint of every model, in the order of their sizes."""
    last = {row["model_id"]: row for row in rows.sort_by("step").to_pylist()}
    kept = sorted(last.values(), key=lambda row: (row["parameter_count"], row["model_id"]))
    return pa.Table.from_pylist(kept, schema=rows.schema)


def finish_axis(panel: Axes, axis: tuple[str, str], title: str) -> None:
    """Name and scale the horizontal axis; perplexity falls to the right."""
    panel.set(title=title, xlabel=axis[1])
    scale_logarithmically(panel, "x")
    if axis == VALIDATION:
        panel.invert_xaxis()


def describe_size(parameter_count: int) -> str:
    """Write a number of parameters as 157k, 70M or 1.3B."""
    scales = ((10**9, "B"), (10**6, "M"), (10**3, "k"), (1, ""))
    scale, unit = next((entry for entry in scales if parameter_count >= entry[0]), scales[-1])
    return f"{parameter_count / scale:.3g}{unit}"


def finish_size_axis(panel: Axes, sizes: list[int]) -> None:
    """Mark the sizes of the models on a logarithmic axis."""
    panel.set(xscale="log", xlabel="Parameters")
    panel.xaxis.set_minor_formatter(NullFormatter())
    places = sorted(set(sizes))
    panel.set_xticks(places, labels=[describe_size(size) for size in places])
    panel.tick_params(axis="x", labelrotation=45)


def draw_accuracy(panel: Axes, rows: pa.Table, axis: tuple[str, str], title: str) -> None:
    """Draw accuracy in percent, one line per model, over the accuracy of choosing at random."""
    rows = keep_positive(express_percent(rows, "measure_value"), axis[0])
    draw_models(panel, rows, x=axis[0], y="percent")
    if rows.num_rows and rows["chance_value"].null_count < rows.num_rows:
        panel.axhline(100 * pc.mean(rows["chance_value"]).as_py(), color="#999999", linestyle=":", label="chance")
    finish_axis(panel, axis, title)


def draw_published_accuracy(panel: Axes, rows: pa.Table, axis: tuple[str, str], title: str) -> None:
    """Draw the accuracy of published models in percent, in grey."""
    draw_published(panel, keep_positive(express_percent(rows, "measure_value"), axis[0]), x=axis[0], y="percent")
    finish_axis(panel, axis, title)


def draw_options(panel: Axes, correct: pa.Table, incorrect: pa.Table, title: str) -> None:
    """Draw the perplexity of right options as the models' lines, of wrong ones thin and dotted in the same colour."""
    correct = keep_positive(express_perplexity(correct), VALIDATION[0])
    incorrect = keep_positive(express_perplexity(incorrect), VALIDATION[0])
    draw_models(panel, correct, x=VALIDATION[0], y="perplexity")
    styles = assign_styles(dict.fromkeys(correct["model_id"].to_pylist()))
    for model_id, line in styles.items():
        series = incorrect.filter(pc.equal(incorrect["model_id"], model_id)).sort_by(VALIDATION[0])
        points = (series[VALIDATION[0]].to_pylist(), series["perplexity"].to_pylist())
        panel.plot(*points, color=line.color, linestyle=":", linewidth=1, label=f"{model_id}, wrong options")
    panel.set(ylabel="Perplexity of the options")
    scale_logarithmically(panel, "y")
    finish_axis(panel, VALIDATION, title)


def draw_option_scaling(correct: pa.Table, incorrect: pa.Table) -> Canvas:
    """Draw figure 5, right: perplexity of right and wrong options at the last checkpoint of every model, by size."""
    canvas, (panel,) = new_canvas(1, "Perplexity of options")
    styles = assign_styles(("right options", "wrong options"))
    for rows, (label, line) in zip((correct, incorrect), styles.items(), strict=True):
        last = keep_last(express_perplexity(select_subject(choose_shots(rows), "all")))
        sizes, perplexities = last["parameter_count"].to_pylist(), last["perplexity"].to_pylist()
        panel.plot(sizes, perplexities, label=label, color=line.color, marker=line.marker, linestyle=line.linestyle)
    panel.set(ylabel="Perplexity at the last checkpoint")
    scale_logarithmically(panel, "y")
    finish_size_axis(panel, correct["parameter_count"].to_pylist())
    add_legend(canvas, [panel])
    canvas.legends[0].set_title("Options")
    return canvas


def draw_mean_accuracy(rows: pa.Table, published: pa.Table) -> Canvas:
    """Draw figure 8: mean accuracy over all tasks against compute and validation perplexity, own and published."""
    canvas, panels = new_canvas(4, "Few-shot accuracy, mean over all tasks")
    own, others = (select_subject(choose_shots(table), "all") for table in (rows, published))
    for panel, axis in zip(panels[:2], (COMPUTE, VALIDATION), strict=True):
        draw_accuracy(panel, own, axis, "One's own tasks")
    for panel, axis in zip(panels[2:], (COMPUTE, VALIDATION), strict=True):
        draw_published_accuracy(panel, others, axis, "Published: 74 BIG-Bench tasks")
    panels[0].set_ylabel("Accuracy (%)")
    add_legend(canvas, panels)
    return canvas


def draw_groups(rows: pa.Table, correct: pa.Table, incorrect: pa.Table, published: pa.Table) -> Canvas:
    """Draw figure 9: accuracy and option perplexity against validation perplexity, by group of tasks.

    A suite that is evaluated on tasks of neither group shows all of its tasks.
    """
    rows, correct, incorrect = (choose_shots(table) for table in (rows, correct, incorrect))
    present = set(rows["subject"].to_pylist())
    groups = [group for group in GROUPS if group in present] or ["all"]
    canvas, panels = new_canvas(2 * len(groups) + len(GROUPS), "Accuracy and option perplexity by group of tasks")
    for index, group in enumerate(groups):
        name = f"{group} tasks"
        draw_accuracy(panels[index], select_subject(rows, group), VALIDATION, name)
        options = (select_subject(correct, group), select_subject(incorrect, group))
        draw_options(panels[len(groups) + index], *options, title=f"{name}: options")
    for panel, group in zip(panels[2 * len(groups) :], GROUPS, strict=True):
        draw_published_accuracy(panel, select_subject(published, group), VALIDATION, f"Published: {group} tasks")
    panels[0].set_ylabel("Accuracy (%)")
    add_legend(canvas, panels)
    return canvas


def select_group(rows: pa.Table, group: str, *, has_fallback: bool) -> pa.Table:
    """Rows of the tasks of a published group; ``has_fallback`` takes all tasks where none is in any group."""
    in_group = rows.filter(pc.match_substring(rows["published_groups"], group))
    grouped = [pc.any(pc.match_substring(rows["published_groups"], name)).as_py() for name in GROUPS]
    return rows if has_fallback and not any(grouped) else in_group


def draw_scaling(panel: Axes, rows: pa.Table, title: str) -> None:
    """Draw the accuracy of the last checkpoints by size, one thin line per task."""
    tasks = list(dict.fromkeys(rows["task_set"].to_pylist()))
    for index, task in enumerate(tasks):
        last = keep_last(rows.filter(pc.equal(rows["task_set"], task)))
        shade = str(np.linspace(0.15, 0.7, max(2, len(tasks)))[index])
        panel.plot(last["parameter_count"].to_pylist(), last["percent"].to_pylist(), color=shade, marker=".")
    panel.set_title(title)
    finish_size_axis(panel, rows["parameter_count"].to_pylist())


def draw_task_group(rows: pa.Table, published: pa.Table, group: str) -> Canvas:
    """Draw scaling curves and the trajectory of every task of a group: one's own, then published ones."""
    own = select_group(choose_shots(rows), group, has_fallback=group == "linearity")
    others = select_group(published, group, has_fallback=False)
    own, others = (express_percent(order_by_size(table), "accuracy_ratio") for table in (own, others))
    own_tasks, published_tasks = (sorted(set(table["task_set"].to_pylist())) for table in (own, others))
    used = (1 + len(own_tasks) if own_tasks else 0) + (1 + len(published_tasks) if published_tasks else 0)
    row_count = max(1, ceil(used / COLUMN_COUNT))
    canvas, panels = new_canvas(
        COLUMN_COUNT * row_count, f"Scaling curves and trajectories of {group} tasks", row_count
    )
    remaining = iter(panels)
    if own_tasks:
        draw_scaling(next(remaining), own, "One's own: last checkpoints")
    for task in own_tasks:
        panel = next(remaining)
        shown = own.filter(pc.equal(own["task_set"], task))
        draw_models(panel, keep_positive(shown, COMPUTE[0]), x=COMPUTE[0], y="percent")
        panel.axhline(100 * pc.mean(shown["chance_accuracy_ratio"]).as_py(), color="#999999", linestyle=":")
        finish_axis(panel, COMPUTE, task)
    if published_tasks:
        draw_scaling(next(remaining), others, "Published: last checkpoints")
    for task in published_tasks:
        panel = next(remaining)
        shown = others.filter(pc.equal(others["task_set"], task))
        draw_published(panel, shown, x=COMPUTE[0], y="percent")
        finish_axis(panel, COMPUTE, f"Published: {task}")
    for panel in remaining:
        panel.set_axis_off()
    for panel in panels[::COLUMN_COUNT]:
        panel.set_ylabel("Accuracy (%)")
    add_legend(canvas, panels)
    return canvas


def draw_linearity_tasks(rows: pa.Table, published: pa.Table) -> Canvas:
    """Draw figure 17."""
    return draw_task_group(rows, published, "linearity")


def draw_breakthroughness_tasks(rows: pa.Table, published: pa.Table) -> Canvas:
    """Draw figure 18."""
    return draw_task_group(rows, published, "breakthroughness")


MEASURE_COLUMNS = (
    "subject",
    "variant",
    "model_id",
    "parameter_count",
    "step",
    "measure_value",
    "chance_value",
    "train_flops_palm",
    "validation_perplexity",
)
ACCURACY = (("measure", "task accuracy"),)
CORRECT = (("measure", "correct option loss"),)
INCORRECT = (("measure", "incorrect option loss"),)
MEASURES = "fct_trajectory_measure"
PUBLISHED_ACCURACY = Companion(MEASURES, MEASURE_COLUMNS, suite_id="opt-published", equals=ACCURACY)
CORRECT_OPTIONS = Companion(MEASURES, MEASURE_COLUMNS, equals=CORRECT)
INCORRECT_OPTIONS = Companion(MEASURES, MEASURE_COLUMNS, equals=INCORRECT)
PUBLISHED_TASKS = Companion(
    "fct_published_task_accuracy",
    ("task_set", "published_groups", "model_id", "parameter_count", "step", "train_flops_palm", "accuracy_ratio"),
    suite_id="opt-published",
    equals=(("task_set_kind", "task"),),
)
TASK_COLUMNS = (*PUBLISHED_TASKS.columns, "shot_count", "chance_accuracy_ratio")
SOURCE = "Xia et al. 2023, Figure"

FIGURES = (
    Figure(
        name="figure_05_option_perplexity",
        title="Perplexity of right and wrong options by size",
        source=f"{SOURCE} 5, right",
        mart=MEASURES,
        columns=MEASURE_COLUMNS,
        draw=draw_option_scaling,
        companions=(INCORRECT_OPTIONS,),
        equals=CORRECT,
    ),
    Figure(
        name="figure_08_task_accuracy",
        title="Few-shot accuracy against compute and validation perplexity",
        source=f"{SOURCE} 8",
        mart=MEASURES,
        columns=MEASURE_COLUMNS,
        draw=draw_mean_accuracy,
        companions=(PUBLISHED_ACCURACY,),
        equals=ACCURACY,
    ),
    Figure(
        name="figure_09_task_groups",
        title="Accuracy and option perplexity by group of tasks",
        source=f"{SOURCE} 9",
        mart=MEASURES,
        columns=MEASURE_COLUMNS,
        draw=draw_groups,
        companions=(CORRECT_OPTIONS, INCORRECT_OPTIONS, PUBLISHED_ACCURACY),
        equals=ACCURACY,
    ),
    *(
        Figure(
            name=f"figure_{number}_{group}_tasks",
            title=f"Scaling curves and trajectories of {group} tasks",
            source=f"{SOURCE} {number}",
            mart="fct_task_accuracy_by_checkpoint",
            columns=TASK_COLUMNS,
            draw=draw,
            companions=(PUBLISHED_TASKS,),
            equals=(("task_set_kind", "task"), ("normalisation", "token")),
            is_of_corpus=False,
        )
        for number, group, draw in (
            (17, "linearity", draw_linearity_tasks),
            (18, "breakthroughness", draw_breakthroughness_tasks),
        )
    ),
)
