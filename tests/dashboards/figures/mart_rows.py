"""Small tables with the columns of the marts that figures read.

No two sets, variants or tasks have equal values, so a figure that confuses two of them is found.
"""

from typing import Any

import pyarrow as pa

from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.figures.line_styles import add_styles

SUITES = {
    "s": ("s/small", "s/middle", "s/large"),
    "o": ("o/small", "o/large"),
    "i": ("i/m",),
}
MODEL_COLORS = assign_model_colors((suite, model) for suite, models in SUITES.items() for model in models)


def with_styles(rows: pa.Table) -> pa.Table:
    """The rows with the styles of the models of all suites, as every figure gets them."""
    return add_styles(rows, MODEL_COLORS)


PERPLEXITIES = with_styles(
    pa.table(
        {
            "model_id": ["s/large"] * 3 + ["s/small"] * 3,
            "step": [0, 100, 10, 0, 10, 100],
            "parameter_count": [20] * 3 + [10] * 3,
            "train_flops_palm": [0.0, 4e9, 3e9, 0.0, 1e9, 2e9],
            "perplexity": [1000.0, 20.0, 80.0, 1000.0, 100.0, 50.0],
            "perplexity_lower": [900.0, 18.0, 75.0, 900.0, 90.0, None],
            "perplexity_upper": [1100.0, 22.0, 85.0, 1100.0, 110.0, None],
        }
    )
)
SHARES = with_styles(
    pa.Table.from_pylist(
        [
            {
                "convention_id": convention,
                "model_id": "s/small",
                "parameter_count": 10,
                "start_percent": start,
                "category": category,
                "token_share": share,
                "share_lower": share / 2 if start == 0 else None,
                "share_upper": 2 * share if start == 0 else None,
                "null_share": 0.02 if convention == "paper" else None,
                "null_share_lower": 0.01 if convention == "paper" else None,
                "null_share_upper": 0.03 if convention == "paper" else None,
                "has_few_points": start == 20,
            }
            for convention, scale in (("paper", 1.0), ("ours", 0.5))
            for start in (10, 20, 0)
            for category, share in (
                ("stagnated", (0.9 if start == 20 else 0.2) * scale),
                ("upward", 0.1 * scale),
                ("downward", 0.4 * scale),
                ("other", 0.3 * scale),
            )
        ]
    )
)
MODELS = {"s/large": 3000, "s/middle": 200, "s/small": 10}
SENSITIVITIES = with_styles(
    pa.Table.from_pylist(
        [
            {
                "convention_id": convention,
                "varied_choice": choice,
                "model_id": model_id,
                "parameter_count": parameter_count,
                "start_percent": start,
                "category": category,
                "token_share": share,
                "default_token_share": 0.1 + start / 1000,
                "has_few_points": start == 20,
            }
            for convention, choice, share in (
                ("paper", "none", 0.1),
                ("paper_index", "start", 0.2),
                ("paper_log_step", "regressor", 0.3),
                ("ours", "regressor, response, multiple testing", 0.4),
            )
            for model_id, parameter_count in (("s/large", 30), ("s/small", 10))
            for start in (10, 0, 20)
            for category in ("stagnated", "upward", "downward", "other")
        ]
    )
)
SHARES_OF_SETS = {"s/large": 0.083, "s/middle": 0.062, "s/small": 0.041}
START_OFFSETS = {0: 0.5, 10: 0.0, 40: 0.7}
CATEGORY_OFFSETS = {"stagnated": 0.0, "upward": 2.0, "downward": 3.0, "other": 4.0}
TOKEN_SETS = with_styles(
    pa.Table.from_pylist(
        [
            {
                "set_model_id": set_model_id,
                "start_percent": start,
                "category": category,
                "model_id": model_id,
                "parameter_count": parameter_count,
                "step": step,
                "train_flops_palm": 6.0 * parameter_count * step,
                "validation_perplexity": 100.0 - step,
                "token_share": SHARES_OF_SETS[set_model_id],
                "perplexity": 50.0
                - step
                + parameter_count / 1000
                + START_OFFSETS[start]
                + CATEGORY_OFFSETS[category]
                + (0 if set_model_id == model_id else 1 + MODELS[set_model_id] / 100),
                "perplexity_lower": 45.0 - step,
                "perplexity_upper": 55.0 - step,
                "random_perplexity_lower": 36.0 - step,
                "random_perplexity_upper": 56.0 - step,
            }
            for set_model_id in MODELS
            for start in (0, 10, 40)
            for category in ("stagnated", "upward", "downward", "other")
            for model_id, parameter_count in MODELS.items()
            for step in (20, 0, 10)
        ]
    )
)
PUBLISHED_PERPLEXITIES = with_styles(
    pa.table(
        {
            "model_id": ["o/large", "o/small", "o/small"],
            "parameter_count": [20, 10, 10],
            "train_flops_palm": [3e9, 2e9, 1e9],
            "perplexity": [10.0, 20.0, 30.0],
        }
    )
)
PUBLISHED_SHARES = with_styles(
    pa.table(
        {
            "model_id": ["o/small", "o/small", "o/small"],
            "parameter_count": [10, 10, 10],
            "start_percent": [20, 10, 10],
            "category": ["stagnated", "stagnated", "upward"],
            "token_share": [0.2, 0.1, 0.3],
        }
    )
)
PUBLISHED_SETS = with_styles(
    pa.table(
        {
            "set_model_id": ["o/small", "o/small"],
            "start_percent": [20, 20],
            "category": ["stagnated", "upward"],
            "model_id": ["o/large", "o/large"],
            "parameter_count": [20, 20],
            "train_flops_palm": [3e9, 3e9],
            "perplexity": [2.0, 9.0],
        }
    )
)
SUBJECT_OFFSETS = {"all": 0.0, "linearity": 0.03, "own": 0.05}
VARIANT_OFFSETS = {"0-shot": 0.07, "2-shot": 0.0, "5-shot": 0.11}
MEASURES = with_styles(
    pa.Table.from_pylist(
        [
            {
                "subject": subject,
                "variant": variant,
                "model_id": model_id,
                "parameter_count": parameter_count,
                "step": step,
                "measure_value": 0.25
                + step / 100
                + parameter_count / 100000
                + SUBJECT_OFFSETS[subject]
                + VARIANT_OFFSETS[variant],
                "chance_value": 0.25,
                "train_flops_palm": 6.0 * parameter_count * step,
                "validation_perplexity": 100.0 - step,
            }
            for subject in ("all", "linearity", "own")
            for variant in ("0-shot", "2-shot", "5-shot")
            for model_id, parameter_count in MODELS.items()
            for step in (20, 0, 10)
        ]
    )
)
TASK_OFFSETS = {"even": 0.0, "sudden": 0.1, "own": 0.2}
TASKS = with_styles(
    pa.Table.from_pylist(
        [
            {
                "task_set": task,
                "published_groups": groups,
                "model_id": model_id,
                "parameter_count": parameter_count,
                "step": step,
                "train_flops_palm": 6.0 * parameter_count * step,
                "accuracy_ratio": 0.25 + step / 100 + TASK_OFFSETS[task],
                "accuracy_lower": 0.2 + step / 100 + TASK_OFFSETS[task],
                "accuracy_upper": 0.35 + step / 100 + TASK_OFFSETS[task],
                "accuracy_lower_over_tasks": 0.1,
                "accuracy_upper_over_tasks": 0.6,
                "task_count": 3,
                "item_count": 300,
                "left_out_task_count": 1,
                "chance_accuracy_ratio": 0.25,
                "shot_count": 2,
            }
            for task, groups in (
                ("even", "bigbench_74, linearity"),
                ("sudden", "bigbench_74, breakthroughness"),
                ("own", ""),
            )
            for model_id, parameter_count in MODELS.items()
            for step in (20, 0, 10)
        ]
    )
)
METRICS = with_styles(
    pa.Table.from_pylist(
        [
            {
                "task_id": f"task {task}",
                "metric": metric,
                "model_id": "i/m",
                "parameter_count": 0,
                "step": step,
                "metric_value": 0.5 + task * step / 1000,
                "standard_error": error,
            }
            for task in range(2)
            for metric, error in (("acc", 0.01), ("ppl", None))
            for step in (8, 0, 2)
        ]
    )
)
CORRELATIONS = with_styles(
    pa.Table.from_pylist(
        [
            {
                "subject": subject,
                "variant": "2-shot",
                "axis": axis,
                "spearman_correlation": correlation,
                "spearman_lower": lower,
                "spearman_upper": upper,
                "spearman_resampled_lower": lower,
                "spearman_resampled_upper": upper,
                "within_model_spearman": within,
                "between_model_spearman": 1.0,
                "model_count": 3,
                "point_count": 9,
                "interval_note": "" if lower else "No interval over models: 3 of the 6 models that one needs.",
            }
            for subject in ("all", "linearity", "own")
            for axis, correlation, lower, upper, within in (
                ("parameters", 0.8, None, None, None),
                ("validation perplexity", 0.95, 0.75, 0.99, 0.5),
            )
        ]
    )
)
MARTS = {
    "fct_behaviour_alignment": CORRELATIONS,
    "fct_eval_metric_by_checkpoint": METRICS,
    "fct_trajectory_measure": MEASURES,
    "fct_task_accuracy_by_checkpoint": TASKS,
    "fct_published_task_accuracy": TASKS,
    "fct_published_token_set_trajectory": PUBLISHED_SETS,
    "fct_comparable_validation_perplexity": PERPLEXITIES,
    "fct_comparable_trend_share": SHARES,
    "fct_comparable_token_set_trajectory": TOKEN_SETS,
    "fct_token_set_trajectory": TOKEN_SETS,
    "fct_published_validation_perplexity": PUBLISHED_PERPLEXITIES,
    "fct_published_trend_share": PUBLISHED_SHARES,
    "fct_trend_sensitivity": SENSITIVITIES,
}


def lines_of(panel) -> dict[str, tuple[Any, Any]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()}


def read_caption(canvas) -> str:
    """The text below the panels, without its line breaks."""
    return " ".join(canvas.get_supxlabel().split())
