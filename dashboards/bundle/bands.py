"""Draw the intervals of a line chart as bands.

Superset draws bands around forecasts, and it knows them by the names of the lines: it draws a line for the name
``m__yhat``, a band between ``m__yhat_lower`` and ``m__yhat_upper``, and points for the plain name ``m``. A chart with
intervals therefore gets its values under these four names. Superset 6.1 draws bands in the right place only if the
horizontal axis has categories. On numeric axes it adds the horizontal values of both bounds.
"""

from __future__ import annotations

from trailhouse.dashboards.bundle.dashboard_declaration import Chart
from trailhouse.dashboards.bundle.superset_document import Document

SERIES = "model_id"
NAMES = "model_and_interval"
"""The label of the expression that gives the four names of every model."""
LINE, LOWER, UPPER = "__yhat", "__yhat_lower", "__yhat_upper"


def write_names() -> str:
    """Return the SQL expression of the column ``NAMES``. Each row of the mart is repeated for each of the names."""
    names = ", ".join([SERIES, *(f"concat({SERIES}, '{suffix}')" for suffix in (LINE, LOWER, UPPER))])
    return f"arrayJoin([{names}])"


def list_names(model_id: str) -> list[str]:
    """Return the names under which a chart with a band has the values of a model."""
    return [model_id, *(f"{model_id}{suffix}" for suffix in (LINE, LOWER, UPPER))]


def list_series(chart: Chart) -> list[str | Document]:
    """Return the columns that divide the rows of a line, scatter or bar chart into lines, points or bars.

    In a chart with a band, it is an expression of the chart. As a column of the dataset, which the engine would have to
    know by this name, it would break Superset's samples of the dataset.
    """
    if chart.band is None:
        return list(chart.series)
    return [{"expressionType": "SQL", "label": NAMES, "sqlExpression": write_names()}]


def list_series_labels(chart: Chart) -> list[str]:
    """Return the names under which Superset's answers have the columns of ``list_series``."""
    return list(chart.series) if chart.band is None else [NAMES]


def write_expression(chart: Chart, expression: str) -> str:
    """Return the SQL expression of a metric. In a chart with a band, it depends on the name of the line."""
    if chart.band is None:
        return expression
    return (
        f"multiIf(endsWith({NAMES}, '{LOWER}'), {chart.band.lower}, endsWith({NAMES}, '{UPPER}'), {chart.band.upper},"
        f" {expression})"
    )
