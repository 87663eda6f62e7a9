"""This module selects rows from marts about tasks, for the figures of task accuracy and option perplexity."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE, Companion
from trailhouse.dashboards.figures.panels import order_by_size

SHOT_COUNT = 2  # the number of exemplars in a prompt in Xia et al. 2023
GROUPS = ("linearity", "breakthroughness")
"""Groups of tasks in Xia et al. 2023.

With model size, accuracy grows steadily in linearity tasks and suddenly in breakthroughness tasks.
"""

MEASURES = "fct_trajectory_measure"
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
TASK_CAVEATS = "fct_task_caveat"
ACCURACY = (("measure", "task accuracy"),)
CORRECT = (("measure", "correct option loss"),)
INCORRECT = (("measure", "incorrect option loss"),)
PUBLISHED_ACCURACY = Companion(MEASURES, MEASURE_COLUMNS, suite_id=PUBLISHED_SUITE, equals=ACCURACY)
CORRECT_OPTIONS = Companion(MEASURES, MEASURE_COLUMNS, equals=CORRECT)
MEAN_INTERVALS = Companion(
    "fct_task_accuracy_by_checkpoint",
    (
        "task_set",
        "model_id",
        "step",
        "shot_count",
        "accuracy_lower",
        "accuracy_upper",
        "accuracy_lower_over_tasks",
        "accuracy_upper_over_tasks",
        "task_count",
        "item_count",
        "left_out_task_count",
    ),
    equals=(("task_set_kind", "group"), ("task_set", "all"), ("normalisation", "token")),
    corpus_column=None,
)
INCORRECT_OPTIONS = Companion(MEASURES, MEASURE_COLUMNS, equals=INCORRECT)


def choose_shots(rows: pa.Table) -> pa.Table:
    """Return the rows with two shots, as in Xia et al. 2023. If there are none, return the rows with the most shots."""
    if "variant" in rows.column_names:
        digits = pc.replace_substring(rows["variant"].cast(pa.string()), "-shot", "")
        rows = rows.append_column("shot_count", digits.cast(pa.int64()))
    if rows.num_rows == 0:
        return rows
    counts = set(rows["shot_count"].to_pylist())
    return rows.filter(pc.equal(rows["shot_count"], SHOT_COUNT if SHOT_COUNT in counts else max(counts)))


def select_subject(rows: pa.Table, subject: str) -> pa.Table:
    """Return the rows about one task or group of tasks, sorted by model size."""
    return order_by_size(rows.filter(pc.equal(rows["subject"], subject)))


def select_group(rows: pa.Table, group: str) -> pa.Table:
    """Return the rows of the tasks that Xia et al. assign to a group."""
    return rows.filter(pc.match_substring(rows["published_groups"], group))


def describe_items(rows: pa.Table) -> str:
    """Return the sentence that says how many exemplars, items and tasks the mean accuracies in the rows have.

    It is empty if there are no rows.
    """
    if rows.num_rows == 0:
        return ""
    shots, items, tasks = (max(rows[name].to_pylist()) for name in ("shot_count", "item_count", "task_count"))
    return f"{shots} exemplars in the prompt; {items:,} items of the {tasks} tasks that every checkpoint has."


def add_intervals(rows: pa.Table, intervals: pa.Table) -> pa.Table:
    """Return the rows with the columns ``lower`` and ``upper`` (percent), the interval of the accuracy at a checkpoint.

    A checkpoint that has no row in ``intervals`` gets nulls.
    """
    found = {
        (row["model_id"], row["step"]): (100 * row["accuracy_lower"], 100 * row["accuracy_upper"])
        for row in intervals.to_pylist()
    }
    ends = [
        found.get(key, (None, None)) for key in zip(*(rows[n].to_pylist() for n in ("model_id", "step")), strict=True)
    ]
    for index, name in enumerate(("lower", "upper")):
        rows = rows.append_column(name, pa.array([end[index] for end in ends], pa.float64()))
    return rows


def keep_last(rows: pa.Table) -> pa.Table:
    """Return the row of each model's last checkpoint, sorted by model size."""
    last = {row["model_id"]: row for row in rows.sort_by("step").to_pylist()}
    kept = sorted(last.values(), key=lambda row: (row["parameter_count"], row["model_id"]))
    return pa.Table.from_pylist(kept, schema=rows.schema)


def express_percent(rows: pa.Table, column: str) -> pa.Table:
    """Return the rows with an additional column ``percent``, which is 100 times ``column``."""
    return rows.append_column("percent", pc.multiply(rows[column].cast(pa.float64()), 100))


def express_perplexity(rows: pa.Table) -> pa.Table:
    """Return the rows with an additional column ``perplexity``, the exponential of ``measure_value`` (nats)."""
    return rows.append_column("perplexity", pc.exp(rows["measure_value"]))
