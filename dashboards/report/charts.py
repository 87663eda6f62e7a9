"""The charts of a report, as Vega-Lite made by altair. Their colours mean models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from trailhouse.dashboards.report.chart_parts import (
    CHANCE,
    HEIGHT,
    INTERVAL,
    PERCENT_AXIS,
    compute_axis,
    describe_models,
    describe_tooltip,
    draw_end_labels,
    draw_hover,
    draw_reference,
    finish_chart,
    ratio_axis,
    zoom_both_axes,
)
from trailhouse.dashboards.report.findings import Answer, Findings, Row
from trailhouse.dashboards.report.number_texts import TIMES
from trailhouse.support.visible_text import make_visible

FORGETTING_HEIGHT = 280  # pixels
ROW_HEIGHT = 34  # pixels of one row of a dot plot


@dataclass(frozen=True)
class Chart:
    """A chart with its title, a sentence on how to read it, and the numbers that it shows."""

    name: str
    title: str
    reading: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    """Columns of ``numbers`` in the table below the chart."""
    numbers: tuple[Row, ...]
    zoomed_fields: tuple[str, ...] = ()
    """Fields on the two axes, if the chart can be zoomed."""
    legend: tuple[str, ...] = ()
    """Models that have no label in the chart."""


def chart_perplexity(findings: Findings) -> Chart | None:
    """Draw perplexity over training compute, with a line and an interval for every model."""
    rows = [
        {**row, "model": findings.names[row["model_id"]]}
        for answer in findings.perplexities
        for row in answer.list_rows()
        if row["train_flops_palm"] and row["model_id"] in findings.names
    ]
    if not rows:
        return None
    x = alt.X("train_flops_palm:Q", axis=compute_axis(), scale=alt.Scale(type="log", nice=False))
    title = "Perplexity, lower is better"
    y = alt.Y(
        "perplexity:Q", title=title, scale=alt.Scale(type="log", nice=False), axis=alt.Axis(format=",~r", tickCount=5)
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=describe_models(findings))
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("perplexity_lower:Q", title=title), y2="perplexity_upper:Q")
    line = base.mark_line(clip=True).encode(y=y).add_params(zoom_both_axes())
    tooltip = {"model": "model", "step": "step", "train_flops_palm": "FLOPs", "perplexity": "perplexity"}
    layers = [band.transform_filter("isValid(datum.perplexity_lower)"), line]
    layers += draw_hover(base.encode(y=y), {**tooltip, "perplexity_lower": "from", "perplexity_upper": "to"})
    layers += draw_end_labels(rows, "train_flops_palm", "perplexity", HEIGHT, is_log=True)
    return Chart(
        name="perplexity",
        title="How far is each model at equal compute?",
        reading="Each line is a model; the lower line is ahead at that compute. Bands are 95% intervals over"
        " documents.",
        spec=finish_chart(alt.layer(*layers), HEIGHT),
        columns=("model", "step", "train_flops_palm", "perplexity", "perplexity_lower", "perplexity_upper"),
        numbers=tuple(rows),
        zoomed_fields=("train_flops_palm", "perplexity"),
    )


def chart_equal_compute(findings: Findings) -> Chart | None:
    """Draw the ratio of the perplexities at equal compute, one row for every reference model."""
    return chart_ratios(
        findings,
        findings.equal_compute,
        "perplexity_ratio",
        title="Is it ahead at equal compute?",
        axis="perplexity relative to the other model",
    )


def chart_equal_perplexity(findings: Findings) -> Chart | None:
    """Draw the ratio of the compute at equal perplexity, one row for every reference model."""
    return chart_ratios(
        findings,
        findings.equal_perplexity,
        "flops_ratio",
        title="How much compute for the same perplexity?",
        axis="compute relative to the other model",
    )


def chart_ratios(findings: Findings, answer: Answer, column: str, title: str, axis: str) -> Chart | None:
    """Draw a ratio with its interval, one row for every reference model, and a line at 1."""
    rows = [
        {**row, "model": findings.names[row["reference_model_id"]], "lower": row[f"{column}_lower"]}
        | {"upper": row[f"{column}_upper"], "ratio": row[column]}
        for row in answer.list_rows()
    ]
    if not rows:
        return None
    name = findings.names[findings.model_id]
    ends = [value for row in rows for value in (row["ratio"], row["lower"], row["upper"]) if value is not None]
    low, high = min(1.0, *ends), max(1.0, *ends)
    margin = max(1.05, (high / low) ** 0.12)
    scale = alt.Scale(type="log", domain=[low / margin, high * margin], nice=False)
    x = alt.X("ratio:Q", scale=scale, axis=ratio_axis(axis))
    order = [row["model"] for row in rows]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=alt.Y("model:N", sort=order, title=None), x=x)
    color = describe_models(findings)
    interval = base.mark_rule(strokeWidth=3, opacity=0.5).encode(
        x=alt.X("lower:Q", scale=scale, axis=ratio_axis(axis)), x2="upper:Q", color=color
    )
    tooltip = describe_tooltip({"model": "model", "ratio": "ratio", "lower": "from", "upper": "to"})
    dot = base.mark_point(filled=True, size=90, opacity=1).encode(color=color, tooltip=tooltip)
    one = draw_reference([{"value": 1}], "value")
    return Chart(
        name=column.replace("_", "-"),
        title=title,
        reading=f"One row for each model that {name} is compared with. Left of the line at 1 {TIMES}, {name} is"
        f" ahead. {INTERVAL}",
        spec=finish_chart(
            alt.layer(one, interval.transform_filter("isValid(datum.lower)"), dot), ROW_HEIGHT * len(rows)
        ),
        columns=("model", "ratio", "lower", "upper"),
        numbers=tuple(rows),
    )


def chart_forgetting(findings: Findings) -> Chart | None:
    """Draw the share of tokens that every model forgets, over the start of the trend, and the share by chance."""
    rows = [
        {**row, "model": findings.names[row["model_id"]]}
        for row in findings.trend_shares.list_rows()
        if row["category"] == "upward" and row["model_id"] in findings.names
    ]
    if not rows:
        return None
    title = "Tokens being forgotten"
    fitted = [row for row in rows if not row["has_few_points"]]
    starts = alt.Axis(values=list(range(0, 100, 10)), labelOverlap="greedy")
    x = alt.X("start_percent:Q", title="Start of the trend, % of training", axis=starts, scale=alt.Scale(nice=False))
    y = alt.Y("token_percent:Q", axis=PERCENT_AXIS, title=title, scale=alt.Scale(zero=True))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=describe_models(findings))
    many = base.transform_filter("!datum.has_few_points")
    band = many.mark_area(opacity=0.18).encode(y=alt.Y("percent_lower:Q", title=title), y2="percent_upper:Q")
    chance = many.mark_line(strokeDash=[4, 4], strokeWidth=1.5).encode(y=alt.Y("percent_after_permutation:Q"))
    few = base.mark_point(filled=False, size=45, opacity=1).encode(y=y)
    tooltip = {"model": "model", "start_percent": "from % of training", "token_percent": "% of tokens"}
    bounds = {"percent_lower": "from", "percent_upper": "to", "percent_after_permutation": "by chance, %"}
    layers = [
        band.transform_filter("isValid(datum.percent_lower)"),
        chance.transform_filter("isValid(datum.percent_after_permutation)"),
        many.mark_line().encode(y=y),
        few.transform_filter("datum.has_few_points"),
        *draw_hover(base.encode(y=y), {**tooltip, **bounds}),
        *draw_end_labels(fitted or rows, "start_percent", "token_percent", FORGETTING_HEIGHT, is_log=False),
    ]
    return Chart(
        name="forgetting",
        title="What share of the tokens is being forgotten?",
        reading="A token counts if its loss rises significantly from the start of the trend to the last checkpoint."
        " Bands are 95% intervals over documents. Dashed lines: the share that chance gives, from permuted checkpoints."
        + (" Open circles: trends of fewer than five checkpoints." if len(fitted) < len(rows) else ""),
        spec=finish_chart(alt.layer(*layers), FORGETTING_HEIGHT),
        columns=(
            *("model", "start_percent", "token_percent", "percent_lower", "percent_upper"),
            "percent_after_permutation",
        ),
        numbers=tuple(rows),
    )


def chart_tasks(findings: Findings) -> Chart | None:
    """Draw the accuracy of every task beside chance, furthest above chance first."""
    rows = [
        {**row, "task_id": make_visible(row["task_id"]), "is_subject": index == 0}
        | {"model": findings.names[row["checkpoint_id"].rpartition("@")[0]]}
        | {name: 100 * row[f"{name}_ratio"] for name in ("accuracy", "chance_accuracy")}
        | {bound: 100 * row[f"accuracy_{bound}"] for bound in ("lower", "upper")}
        for index, answer in enumerate(findings.task_accuracies)
        for row in answer.list_rows()
    ]
    subject = [row for row in rows if row["is_subject"]]
    if not subject:
        return None
    order = [row["task_id"] for row in subject]
    rows = [row for row in rows if row["task_id"] in set(order)]
    x = alt.X("accuracy:Q", axis=PERCENT_AXIS, title="Accuracy", scale=alt.Scale(domain=[0, 100]))
    axis = alt.Axis(labelLimit=170)
    y = alt.Y("task_id:N", sort=order, title=None, axis=axis)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    color = describe_models(findings)
    interval = base.transform_filter("datum.is_subject").mark_rule(strokeWidth=3, opacity=0.5)
    fields = {"task_id": "task", "model": "model", "accuracy": "accuracy, %", "lower": "from", "upper": "to"}
    dots = base.mark_point(filled=True, opacity=1).encode(
        color=color,
        size=alt.condition("datum.is_subject", alt.value(90), alt.value(30)),
        tooltip=describe_tooltip({**fields, "item_count": "items"}),
    )
    chance = base.transform_filter("datum.is_subject").mark_tick(thickness=2, size=ROW_HEIGHT * 0.6)
    layers = [
        chance.encode(x="chance_accuracy:Q", color=alt.value(CHANCE)).properties(name="chance"),
        interval.encode(x="lower:Q", x2="upper:Q", color=color),
        dots,
    ]
    return Chart(
        name="tasks",
        title="What can it do, beside chance?",
        reading=f"The large dots are {subject[0]['model']}, the small ones other models at their last checkpoints. Bars"
        " are 95% intervals over items. Grey ticks: the accuracy of random choices.",
        spec=finish_chart(alt.layer(*layers), ROW_HEIGHT * len(order)),
        columns=("task_id", "model", "item_count", "accuracy", "lower", "upper", "chance_accuracy"),
        numbers=tuple(rows),
        legend=tuple(key for key, name in findings.names.items() if name in {row["model"] for row in rows}),
    )
