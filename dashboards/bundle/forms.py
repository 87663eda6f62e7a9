"""Compile the form data of a chart: the JSON object of settings from which Superset draws the chart."""

from __future__ import annotations

import json
from collections.abc import Callable

from trailhouse.dashboards.bundle.bands import list_series
from trailhouse.dashboards.bundle.dashboard_declaration import Chart
from trailhouse.dashboards.bundle.links import compile_columns
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.superset_document import Document
from trailhouse.dashboards.colours import COLOUR_SCHEME

VIZ_TYPES = {
    "line": "echarts_timeseries_line",
    "scatter": "echarts_timeseries_scatter",
    "bar": "echarts_timeseries_bar",
    "table": "table",
    "number": "big_number_total",
    "heatmap": "heatmap_v2",
    "template": "handlebars",
}


def compile_form(chart: Chart, mart: Mart, metrics: list[Document]) -> Document:
    """Return the form data of a chart of any kind (line, scatter, bar, table, number, heatmap or template)."""
    return {
        "viz_type": VIZ_TYPES[chart.kind],
        "adhoc_filters": [
            {"expressionType": "SQL", "sqlExpression": condition, "clause": "WHERE", "isExtra": False}
            for condition in chart.where
        ],
        "row_limit": chart.row_limit,
        **COMPILERS[chart.kind](chart, metrics),
        **({"column_config": compile_formats(chart, mart)} if chart.kind == "table" else {}),
    }


def compile_formats(chart: Chart, mart: Mart) -> Document:
    """Return the d3 number format of every metric and every numeric column that a table chart shows."""
    formats = {name: mart.columns[name].number_format for name in chart.columns}
    formats |= {metric.label: metric.format for metric in chart.metrics}
    return {name: {"d3NumberFormat": number_format} for name, number_format in formats.items() if number_format}


def compile_series_form(chart: Chart, metrics: list[Document]) -> Document:
    """Return the form data of a line, scatter or bar chart, without the fields that all kinds of charts share."""
    has_categories = chart.kind == "bar" or chart.band is not None or chart.has_categories
    return {
        "x_axis": compile_axis(chart),
        "xAxisForceCategorical": has_categories,
        "x_axis_sort_asc": True,
        "x_axis_sort_series": "name",
        "x_axis_sort_series_ascending": True,
        "metrics": metrics,
        "groupby": list_series(chart),
        "order_desc": True,
        "truncate_metric": True,
        "show_empty_columns": True,
        "color_scheme": COLOUR_SCHEME,
        "markerEnabled": chart.has_markers and chart.kind != "bar",
        "markerSize": 6,
        "show_legend": has_legend(chart),
        "legendType": "plain",
        "legendOrientation": "top",
        "x_axis_title": chart.x_title,
        "x_axis_title_margin": 32 if chart.x_title else 0,
        "y_axis_title": chart.y_title,
        "y_axis_title_margin": 56 if chart.y_title else 0,
        "y_axis_title_position": "Left",
        "y_axis_format": chart.metrics[0].format,
        "x_axis_number_format": "SMART_NUMBER" if chart.band is None else ".3~r",
        "xAxisLabelInterval": "0" if chart.kind == "bar" else "auto",
        "logAxis": chart.is_y_logarithmic,
        "truncateYAxis": chart.is_y_logarithmic,
        "y_axis_bounds": [None, chart.y_maximum],
        "truncateXAxis": False,
        "rich_tooltip": True,
        "tooltipSortByMetric": False,
        "showTooltipTotal": False,
        "showTooltipPercentage": False,
        "stack": "Stack" if chart.is_stacked else None,
        "zoomable": False,
        "comparison_type": "values",
        "echart_options": write_plot_options(chart),
    }


def compile_axis(chart: Chart) -> str | Document | None:
    """Return what the horizontal axis shows: a column, or an expression with its name."""
    if chart.x is None or chart.is_x_column:
        return chart.x
    return {"expressionType": "SQL", "label": chart.x_name, "sqlExpression": chart.x}


def has_legend(chart: Chart) -> bool:
    """Return whether a chart has a legend of its own: the bar of the page shows the colours of models."""
    is_explained = chart.has_hidden_legend or (chart.series in ((), ("model_id",)) and len(chart.metrics) == 1)
    return not is_explained


def write_plot_options(chart: Chart) -> str:
    """Return the options of the plot that Superset's form lacks, in the notation of ECharts.

    They leave room for the last label of the horizontal axis, and none below its title.
    """
    label = "alignMinLabel: 'left', alignMaxLabel: 'right'" + (
        ", formatter: '10^{value}'" if chart.is_x_exponent else ""
    )
    axis = [f"axisLabel: {{ {label} }}"]
    axis += ["type: 'log'"] if chart.is_x_logarithmic else []
    axis += ["scale: true", "minInterval: 1"] if chart.is_x_exponent else []
    ticks = f", yAxis: {{ interval: {chart.y_maximum / 4:g} }}" if chart.y_maximum else ""
    grid = [f"bottom: {34 if chart.x_title else 8}", *([] if has_legend(chart) else ["top: 12"])]
    return f"{{ xAxis: {{ {', '.join(axis)} }}, grid: {{ {', '.join(grid)} }}{ticks} }}"


def compile_table_form(chart: Chart, metrics: list[Document]) -> Document:
    """Return the form data of a table chart, without the fields that all kinds of charts share.

    The table shows either rows of the mart, or metrics for each combination of values of the columns ``chart.series``.
    Text in cells is never interpreted as markup.
    """
    shared = {
        "allow_render_html": False,
        "allow_rearrange_columns": False,
        "include_search": False,
        "server_pagination": False,
        "page_length": 0,
        "show_cell_bars": False,
        "color_pn": False,
        "table_timestamp_format": "%Y-%m-%d %H:%M",
    }
    if metrics:
        return {
            **shared,
            "query_mode": "aggregate",
            "groupby": list(chart.series),
            "metrics": metrics,
            "all_columns": [],
            "percent_metrics": [],
            "order_desc": True,
            "temporal_columns_lookup": {},
        }
    return shared | select_rows(chart)


def compile_number_form(chart: Chart, metrics: list[Document]) -> Document:
    """Return the form data of a chart that shows one large number, without the fields that all kinds share."""
    return {
        "metric": metrics[0],
        "header_font_size": 0.6,
        "subtitle_font_size": 0.15,
        "y_axis_format": chart.metrics[0].format,
        "time_format": "%Y-%m-%d %H:%M",
    }


def compile_heatmap_form(chart: Chart, metrics: list[Document]) -> Document:
    """Return the form data of a heatmap, without the fields that all kinds of charts share."""
    return {
        "x_axis": chart.x,
        "groupby": chart.series[0],
        "metric": metrics[0],
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_asc",
        "normalize_across": "heatmap",
        "linear_color_scheme": "superset_seq_1",
        "legend_type": "continuous",
        "show_legend": True,
        "show_percentage": False,
        "show_values": True,
        "xscale_interval": 1,
        "yscale_interval": 1,
        "left_margin": 100,  # Superset cuts labels off that are longer than its automatic margins
        "bottom_margin": 50,
        "value_bounds": [None, None],
        "y_axis_format": chart.metrics[0].format,
    }


def compile_template_form(chart: Chart, _metrics: list[Document]) -> Document:
    """Return the form data of a template chart, without the fields that all kinds of charts share.

    A template chart shows rows of the mart by a Handlebars template. Handlebars escapes values in double braces, but
    not in triple braces. So ``check_declarations`` refuses templates with triple braces.
    """
    return {
        **select_rows(chart),
        "handlebarsTemplate": chart.template,
        "styleTemplate": "",  # Superset removes styles from templates, so they are in the dashboard's CSS
    }


def select_rows(chart: Chart) -> Document:
    """Return the fields of the form data that select rows of the mart without aggregating them."""
    return {
        "query_mode": "raw",
        "all_columns": compile_columns(chart.columns),
        "order_by_cols": order_clauses(chart),
        "groupby": [],
        "metrics": [],
        "percent_metrics": [],
    }


def order_clauses(chart: Chart) -> list[str]:
    """Return the order of rows in Superset's notation, in which ``step desc`` is ``["step", false]``."""
    return [json.dumps([column, is_ascending]) for column, is_ascending in read_order(chart)]


def read_order(chart: Chart) -> list[tuple[str, bool]]:
    """Return a pair for every entry of a chart's ``order``: the column, and whether its order is ascending."""
    orders = [order.rpartition(" ") for order in chart.order]
    return [(column, direction == "asc") for column, _, direction in orders]


COMPILERS: dict[str, Callable[[Chart, list[Document]], Document]] = {
    "line": compile_series_form,
    "scatter": compile_series_form,
    "bar": compile_series_form,
    "table": compile_table_form,
    "number": compile_number_form,
    "heatmap": compile_heatmap_form,
    "template": compile_template_form,
}
