"""The parts that the charts of a report share: axes, labels at the ends of lines, hover and zoom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import altair as alt

from trailhouse.dashboards.colours import REFERENCE
from trailhouse.dashboards.report.findings import Findings, Row
from trailhouse.dashboards.report.number_texts import SUPERSCRIPTS, TIMES

HEIGHT = 360  # pixels
LABEL_GAP = 14  # pixels between the labels of two lines
CHANCE = REFERENCE
INTERVAL = "Bars are 95% intervals over documents."
PERCENT_AXIS = alt.Axis(labelExpr="datum.label + ' %'", tickCount=5)
EXPONENTS = "{" + ",".join(f"'{n}':'10{str(n).translate(SUPERSCRIPTS)}'" for n in range(-3, 31)) + "}"
FORMATS = {"step": ",d", "item_count": ",d", "start_percent": "d", "train_flops_palm": ".3~e"} | dict.fromkeys(
    (
        *("perplexity", "perplexity_lower", "perplexity_upper", "ratio", "accuracy", "lower", "upper"),
        *("token_percent", "percent_lower", "percent_upper", "percent_after_permutation"),
    ),
    ".4~r",
)
"""Formats of the numbers in tooltips."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
CONFIG: dict[str, Any] = {
    "view": {"stroke": None},
    "background": "transparent",
    "font": FONT,
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "gridOpacity": 0.7, "ticks": False},
    "axisX": {"grid": False, "ticks": True},
    "axisY": {
        "domain": False,
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "start",
        "titleY": -12,
        "titleX": 0,
    },
    "line": {"strokeWidth": 2.2},
}


def compute_axis() -> alt.Axis:
    """Return the axis of training compute, with powers of ten as people write them."""
    exponent = "floor(log(datum.value) / LN10 + 1e-9)"
    mantissa = f"datum.value / pow(10, {exponent})"
    text = f"({EXPONENTS})[toString({exponent})]"
    other = f"log(domain('x')[1] / domain('x')[0]) > 4 ? '' : format({mantissa}, '.2~f') + '·' + {text}"
    short = f"abs({mantissa} - 1) < 0.01 ? {text} : {other}"
    return alt.Axis(
        title="Training compute, FLOPs", labelExpr=short, labelOverlap="greedy", labelSeparation=14, tickCount=5
    )


def ratio_axis(title: str) -> alt.Axis:
    """Return the axis of a ratio, with labels such as ``2 ×``."""
    label = f"format(datum.value, '.3~g') + ' {TIMES}'"
    return alt.Axis(title=title, labelExpr=label, tickCount=5, labelOverlap="greedy")


def describe_models(findings: Findings) -> alt.Color:
    """Return the colours of the models. There is no legend: lines have labels at their ends."""
    names = {key: name for key, name in findings.names.items() if key in findings.model_colors}
    colors = [findings.model_colors[key] for key in names]
    return alt.Color("model:N", scale=alt.Scale(domain=list(names.values()), range=colors), legend=None)


def zoom_both_axes() -> alt.Parameter:
    """Return the parameter by which a chart is moved and zoomed with the mouse while the Shift key is down.

    Without the key, the wheel and the finger scroll the page.
    """
    drag = "[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!"
    return alt.selection_interval(name="zoom", bind="scales", on=drag, translate=drag, zoom="wheel![event.shiftKey]")


def draw_hover(base: alt.Chart, tooltip: Mapping[str, str]) -> list[alt.Chart]:
    """Return points of which the one nearest to the pointer is shown, with its numbers."""
    near = alt.selection_point(name="near", nearest=True, on="pointerover", clear="pointerout", empty=False)
    return [
        base.mark_point(filled=True, size=60, clip=True)
        .encode(opacity=alt.condition(near, alt.value(1), alt.value(0)), tooltip=describe_tooltip(tooltip))
        .add_params(near)
    ]


def describe_tooltip(fields: Mapping[str, str]) -> list[alt.Tooltip]:
    """Return the lines of a tooltip from fields and their titles. Fields without a format hold texts."""
    return [
        alt.Tooltip(field, type="quantitative", format=FORMATS[field], title=title)
        if field in FORMATS
        else alt.Tooltip(field, type="nominal", title=title)
        for field, title in fields.items()
    ]


def draw_end_labels(rows: list[Row], x: str, y: str, height: int, *, is_log: bool) -> list[alt.Chart]:
    """Return the name of every model at the end of its line, on top of a halo.

    Labels that would overlap are moved apart.
    """
    last = {row["model"]: row for row in sorted(rows, key=lambda row: float(row[x]))}
    values = [float(row[y]) for row in rows if row[y] is not None]
    ends = {model: float(row[y]) for model, row in last.items()}
    share = LABEL_GAP / height
    places = spread_labels(ends, min(values) if is_log else 0.0, max(values), share, is_log=is_log)
    labels = [{"model": model, x: row[x], y: places[model]} for model, row in last.items()]
    base = alt.Chart(alt.InlineData(values=labels)).encode(x=f"{x}:Q", y=f"{y}:Q", text="model:N")
    # A label beyond the last point would be clipped; without clipping, it is hidden when its point is out of sight
    within = (
        f"inrange(scale('x', datum['{x}']), [-1, width + 1]) && inrange(scale('y', datum['{y}']), [-1, height + 1])"
    )
    shown = alt.condition(within, alt.value(1), alt.value(0))
    text = base.mark_text(align="left", dx=7, fontSize=12, clip=False).encode(opacity=shown)
    return [text.properties(name="halo"), text.properties(name="label")]


def spread_labels(
    values: Mapping[str, float], low: float, high: float, share: float, *, is_log: bool
) -> dict[str, float]:
    """Return the height of every label on the axis, so that two labels are at least this share of the axis apart.

    Labels keep their order. Those that are far enough apart stay at the values of their lines.
    """
    scale = math.log if is_log else float
    unscale = math.exp if is_log else float
    gap = (scale(high) - scale(low) or 1.0) * share
    places: dict[str, float] = {}
    height = -math.inf
    for model in sorted(values, key=lambda name: values[name]):
        height = max(scale(values[model]), height + gap)
        places[model] = unscale(height)
    return places


def draw_reference(values: list[Row], field: str) -> alt.Chart:
    """Return vertical lines at reference values, such as a ratio of 1."""
    rule = alt.Chart(alt.InlineData(values=values)).mark_rule(strokeWidth=1.5)
    named: alt.Chart = rule.encode(x=f"{field}:Q", color=alt.value(CHANCE)).properties(name="chance")
    return named


def finish_chart(chart: alt.LayerChart | alt.FacetChart, height: int) -> dict[str, Any]:
    """Return a chart as Vega-Lite that fills the width of the page."""
    sized = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: dict[str, Any] = sized.to_dict()
    spec["config"] = CONFIG
    spec["padding"] = {"left": 2, "right": 10, "top": 22, "bottom": 2}  # the title of the vertical axis is on top
    return spec
