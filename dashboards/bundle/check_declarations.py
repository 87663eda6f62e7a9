"""Find mistakes in the declarations of dashboards by following their references to columns. No server is needed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from trailhouse.dashboards.bundle.bands import SERIES
from trailhouse.dashboards.bundle.dashboard_declaration import Chart, Folder
from trailhouse.dashboards.bundle.links import LINK, find_link_problems
from trailhouse.dashboards.bundle.marts import Mart

TEXT_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'")
NAME = re.compile(r"\b[A-Za-z_]\w*\b(?!\s*\()")
SQL_WORDS = frozenset(
    {"and", "or", "not", "in", "is", "null", "like", "ilike", "between", "case", "when", "then", "else", "end"}
    | {"distinct", "true", "false", "asc", "desc", "interval"}
)
TEXT_IN_TAG = re.compile(r"\"[^\"]*\"|'[^']*'")
TEMPLATE_TAG = re.compile(r"{{[#/]?([^{}]*)}}")
TEMPLATE_NAME = re.compile(r"(?<![@.\w])(?:this\.)?([A-Za-z_]\w*)")
# Words in templates that are not columns: those of the language Handlebars and of its functions, and ``data``, which
# stands for all rows.
TEMPLATE_WORDS = frozenset(
    {
        "if",
        "includeZero",
        "true",
        "unless",
        "each",
        "else",
        "this",
        "data",
        "and",
        "or",
        "not",
        "eq",
        "neq",
        "gt",
        "gte",
        "lt",
        "lte",
    }
    | {"sprintf", "multiplication", "difference", "formatNumber", "dateFormat", "format"}
)
ROW_WIDTH = 12


def find_problems(folders: list[Folder], marts: Mapping[str, Mart]) -> list[str]:
    """Return every problem in the declarations, as a sentence that names the folder and the chart or filter."""
    problems: list[str] = []
    titles = Counter(folder.dashboard.title for folder in folders)
    problems += [f"two dashboards have the title {title!r}" for title, count in titles.items() if count > 1]
    by_name = {folder.name: folder for folder in folders}
    for folder in folders:
        problems += [f"{folder.name}: {problem}" for problem in find_folder_problems(folder, marts)]
        for key, chart in folder.charts.items():
            problems += [f"{folder.name}: chart {key}: {problem}" for problem in find_link_problems(chart, by_name)]
    return problems


def find_folder_problems(folder: Folder, marts: Mapping[str, Mart]) -> Iterator[str]:
    """Yield the problems of one dashboard's layout, charts and filters."""
    placed = Counter(key for section in folder.dashboard.sections for row in section.rows for key in row)
    yield from (f"chart {key} is in a row, and not in charts.yaml" for key in placed if key not in folder.charts)
    yield from (f"chart {key} is in charts.yaml, and in no row" for key in folder.charts if key not in placed)
    yield from (f"chart {key} is in {count} rows" for key, count in placed.items() if count > 1)
    for section in folder.dashboard.sections:
        for row in section.rows:
            if sum(row.values()) > ROW_WIDTH or min(row.values(), default=1) < 1:
                yield f"the row {', '.join(row)} is {sum(row.values())} wide, and {ROW_WIDTH} is the limit"
    for key, chart in folder.charts.items():
        yield from (f"chart {key}: {problem}" for problem in find_chart_problems(chart, marts))
    yield from find_filter_problems(folder, marts)


def find_filter_problems(folder: Folder, marts: Mapping[str, Mart]) -> Iterator[str]:
    """Yield the problems of a dashboard's filters.

    A filter has a problem if its mart, column or parent does not exist, if another filter has its name, or if it
    applies to no chart.
    """
    names = Counter(native.name for native in folder.dashboard.filters)
    yield from (f"two filters have the name {name!r}" for name, count in names.items() if count > 1)
    for native in folder.dashboard.filters:
        if native.mart not in marts:
            yield f"filter {native.name}: {native.mart} is not a mart"
        elif native.column not in marts[native.mart].columns:
            yield f"filter {native.name}: {native.mart} has no column {native.column}"
        else:
            yield from (
                f"filter {native.name}: {native.mart} has no column {name}"
                for name in sorted(find_names(native.where))
                if name not in marts[native.mart].columns
            )
        yield from (
            f"filter {native.name}: no filter is called {parent!r}" for parent in native.parents if parent not in names
        )
        if not any(
            native.column in marts[chart.mart].columns and native.column not in chart.ignores
            for chart in folder.charts.values()
            if chart.mart in marts
        ):
            yield f"filter {native.name}: every chart lacks or ignores its column {native.column}"


def find_chart_problems(chart: Chart, marts: Mapping[str, Mart]) -> Iterator[str]:
    """Yield the problems of one chart, such as a mart or column that does not exist, or a missing field."""
    if not chart.explanation.rstrip().endswith((".", "!", "?")):
        yield "its explanation is not a sentence"
    yield from find_shape_problems(chart)
    if chart.x is not None and not chart.x_name:
        yield "its x is an expression, and needs an x_title"
    if chart.band is not None and (chart.kind != "line" or chart.series != (SERIES,) or len(chart.metrics) != 1):
        yield f"a band needs a line chart with one metric and the series {SERIES}"
    if chart.mart not in marts:
        yield f"{chart.mart} is not a mart"
        return
    missing = sorted(name for name in find_columns(chart) if name not in marts[chart.mart].columns)
    yield from (f"{chart.mart} has no column {name}" for name in missing)


def find_columns(chart: Chart) -> set[str]:
    """Return every column that a chart names, including the columns in its SQL and its template."""
    names = {*chart.series, *chart.columns, *chart.ignores, *(order.rpartition(" ")[0] for order in chart.order)}
    if chart.x is not None:
        names |= find_names([chart.x])
    names |= find_names((*chart.where, *(metric.expression for metric in chart.metrics)))
    if chart.band is not None:
        names |= find_names((chart.band.lower, chart.band.upper))
    return names | find_template_names(chart.template)


def find_template_names(template: str) -> set[str]:
    """Return the columns that the tags and links of a template name."""
    tags = " ".join(TEXT_IN_TAG.sub("", tag) for tag in TEMPLATE_TAG.findall(template))
    linked = {name for _, words in LINK.findall(template) for name in words.split()}
    return linked | {name for name in TEMPLATE_NAME.findall(tags) if name not in TEMPLATE_WORDS}


def find_names(conditions: Iterable[str]) -> set[str]:
    """Return the columns in SQL expressions, that is, the words that are not literals, functions or SQL keywords."""
    names = {name for sql in conditions for name in NAME.findall(TEXT_LITERAL.sub("", sql))}
    return {name for name in names if name.lower() not in SQL_WORDS}


def find_shape_problems(chart: Chart) -> Iterator[str]:
    """Yield the problems of a chart's fields.

    For example, a chart has a problem if it lacks a field that its kind (such as ``heatmap``) needs, if it has a field
    that its kind forbids, or if an entry of its ``order`` has no direction.
    """
    if chart.kind in ("line", "scatter", "bar", "heatmap") and not (chart.x and chart.metrics):
        yield f"a {chart.kind} needs x and metrics"
    if chart.kind == "heatmap" and len(chart.series) != 1:
        yield "a heatmap needs exactly one series"
    if chart.kind == "number" and len(chart.metrics) != 1:
        yield "a number needs exactly one metric"
    if chart.kind in ("table", "template") and bool(chart.columns) == bool(chart.metrics):
        yield f"a {chart.kind} needs columns or metrics, and not both"
    if chart.kind == "template":
        if not chart.template:
            yield "a template chart needs a template"
        if "{{{" in chart.template or "{{&" in chart.template:
            yield "its template holds {{{ or {{&, which show texts of the warehouse as markup"
    for order in chart.order:
        if order.rpartition(" ")[2] not in ("asc", "desc"):
            yield f"the order {order!r} lacks a direction: asc or desc"
