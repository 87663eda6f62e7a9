"""Links from templates to dashboards whose filters they set.

A template writes the address of a dashboard as ``[[inspector corpus_id document_id model_id]]``: the name of the
dashboard's folder, and columns of the chart's mart on which that dashboard has filters. Superset reads the values of
filters from the address in the notation Rison. The values come from the mart, so the query of the chart computes every
value in that notation.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping

from trailhouse.dashboards.bundle.dashboard_declaration import Chart, Filter, Folder
from trailhouse.dashboards.bundle.identity import make_filter_key
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.superset_document import Document

LINK = re.compile(r"\[\[(\w+)((?:\s+\w+)*)\]\]")
PREFIX = "link_"


def find_link_problems(chart: Chart, folders: Mapping[str, Folder]) -> Iterator[str]:
    """Yield the problems of the links in a template: dashboards that do not exist, and columns without a filter."""
    for name, words in LINK.findall(chart.template):
        if name not in folders:
            yield f"its template links to {name}, which is no dashboard"
            continue
        filtered = {native.column for native in folders[name].dashboard.filters}
        yield from (
            f"its template links to {name}, which has no filter on {column}"
            for column in words.split()
            if column not in filtered
        )


def write_links(folders: list[Folder], marts: Mapping[str, Mart]) -> list[Folder]:
    """Return the dashboards with every link in a template replaced by an address, and with the columns it needs."""
    by_name = {folder.name: folder for folder in folders}

    def write_chart(chart: Chart) -> Chart:
        mart = marts[chart.mart]
        template = LINK.sub(lambda link: write_address(by_name[link[1]], link[2].split(), mart), chart.template)
        linked = dict.fromkeys(column for _, words in LINK.findall(chart.template) for column in words.split())
        columns = (*chart.columns, *(PREFIX + column for column in linked))
        return chart.model_copy(update={"template": template, "columns": columns})

    return [
        dataclasses.replace(
            folder,
            charts={key: write_chart(chart) if chart.template else chart for key, chart in folder.charts.items()},
        )
        for folder in folders
    ]


def write_address(target: Folder, columns: list[str], mart: Mart) -> str:
    """Return the address of a dashboard as Handlebars, in which ``columns`` give the values of its filters."""
    by_column = {native.column: native for native in target.dashboard.filters}
    states = ",".join(write_filter_state(target, by_column[column], mart) for column in columns)
    return f"/superset/dashboard/{target.name}/" + (f"?native_filters=({states})" if states else "")


def write_filter_state(target: Folder, native: Filter, mart: Mart) -> str:
    """Return the state of one filter in Rison, with a Handlebars expression for its value."""
    key = make_filter_key(target.name, native.name)
    text = f"'{{{{{PREFIX}{native.column}}}}}'"
    value = text if mart.columns[native.column].number_format is None else text.strip("'")
    return (
        f"{key}:(extraFormData:(filters:!((col:{native.column},op:IN,val:!({value})))),"
        f"filterState:(label:{text},value:!({value})),id:{key},ownState:())"
    )


def compile_columns(columns: Iterable[str]) -> list[str | Document]:
    """Return the columns of a query: names, and SQL expressions for the values that stand in addresses."""
    return [compile_value(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else name for name in columns]


def compile_value(column: str) -> Document:
    """Return the SQL expression of the value of a filter as it stands in an address.

    In Rison, ``!`` escapes the quotation mark and itself. All other special characters are escaped as in any address.
    """
    expression = rf"encodeURLComponent(replaceRegexpAll(toString({column}), '([!\'])', '!\\1'))"
    return {"expressionType": "SQL", "label": PREFIX + column, "sqlExpression": expression}
