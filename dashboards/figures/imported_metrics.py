"""The figure of metrics that another evaluation harness measured. It shows the tasks whose metrics changed most."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import add_legend, new_canvas

PANEL_COUNT = 8
ROW_COUNT = 2
METRIC = "acc"
INTERVAL_STANDARD_ERRORS = 1.96  # half the width of a 95% interval, in standard errors
SMALLEST_ERROR = 1e-6
NOTE = "Tasks whose metric changed most come first. Bands: 95% intervals from the standard errors of the harness."


def choose_tasks(rows: pa.Table) -> list[str]:
    """Return the tasks whose metric changed most from the first step to the last.

    If the harness reports standard errors, the change of a task is divided by the task's largest standard error.
    """
    changes: dict[str, float] = {}
    for task in dict.fromkeys(rows["task_id"].to_pylist()):
        series = rows.filter(pc.equal(rows["task_id"], task)).sort_by("step").to_pylist()
        error = max(SMALLEST_ERROR, *(row["standard_error"] or 0.0 for row in series))
        changes[task] = abs(series[-1]["metric_value"] - series[0]["metric_value"]) / error
    return sorted(changes, key=lambda task: (-changes[task], task))[:PANEL_COUNT]


def draw_task(panel: Axes, rows: pa.Table, task: str) -> None:
    """Draw the metric of one task against the step, with a line and a 95% interval per model.

    The horizontal axis shows the step. It is linear from 0 to 1 and logarithmic above 1, so that it includes step 0.
    """
    for model_id, line in assign_styles(rows).items():
        series = rows.filter(pc.equal(rows["model_id"], model_id)).sort_by("step").to_pylist()
        steps, values = [row["step"] for row in series], [row["metric_value"] for row in series]
        margins = [INTERVAL_STANDARD_ERRORS * (row["standard_error"] or 0.0) for row in series]
        panel.plot(steps, values, label=model_id, color=line.color, marker=line.marker, linestyle=line.linestyle)
        lower = [value - margin for value, margin in zip(values, margins, strict=True)]
        upper = [value + margin for value, margin in zip(values, margins, strict=True)]
        panel.fill_between(steps, lower, upper, color=line.color, alpha=0.2, linewidth=0)
    panel.set_xscale("symlog", linthresh=1)
    panel.set(title=task, xlabel="Step")


def draw_imported_metrics(rows: pa.Table) -> Canvas:
    """Draw the tasks whose accuracy changed most.

    If the metric ``acc`` is missing, the alphabetically first metric is drawn instead of accuracy.
    """
    metrics = rows["metric"].to_pylist()
    metric = METRIC if METRIC in metrics else min(metrics)
    shown = rows.filter(pc.equal(rows["metric"], metric))
    tasks = choose_tasks(shown)
    row_count = ROW_COUNT if len(tasks) > PANEL_COUNT // ROW_COUNT else 1
    column_count = -(-len(tasks) // row_count)
    canvas, panels = new_canvas(column_count * row_count, f"Imported results: {metric}", row_count)
    for panel, task in zip(panels, tasks, strict=False):
        draw_task(panel, shown.filter(pc.equal(shown["task_id"], task)), task)
    for panel in panels[len(tasks) :]:
        panel.set_axis_off()
    for panel in panels[::column_count]:
        panel.set_ylabel(metric)
    add_notes(canvas, [NOTE])
    add_legend(canvas, panels)
    return canvas


COLUMNS = ("task_id", "metric", "model_id", "parameter_count", "step", "metric_value", "standard_error")
FIGURE = Figure(
    name="imported_metrics",
    title="Imported results of another harness, the tasks that changed most",
    source="results of another harness",
    mart="fct_eval_metric_by_checkpoint",
    columns=COLUMNS,
    draw=draw_imported_metrics,
    corpus_column=None,
    sample="none",
)
