"""Dashboards: where the charts stand, what is written beside them, and the filters above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trailhouse.dashboards.bundle.charts import is_filtered
from trailhouse.dashboards.bundle.dashboard_declaration import Filter, Folder, Section, Tabs
from trailhouse.dashboards.bundle.datasets import VERSION
from trailhouse.dashboards.bundle.forms import COLOR_SCHEME
from trailhouse.dashboards.bundle.identity import make_key, make_uuid
from trailhouse.dashboards.bundle.marts import Mart

Component = dict[str, Any]

TWELFTHS = 12
# What fits into a line of text on a page 1,500 pixels wide, its filters open.
CHARACTERS_PER_TWELFTH, CHARACTERS_OF_PADDING = 15, 10
LINE_UNITS, PADDING_UNITS = 3, 4  # of 8 pixels


class Layout:
    """Components by key, each added below its parent."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.components: dict[str, Any] = {
            "DASHBOARD_VERSION_KEY": "v2",
            "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
            "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
            "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": folder.dashboard.title}},
        }

    def add(self, kind: str, parent: str, meta: Component, *names: str) -> str:
        """Add a component as its parent's last child; returns its key."""
        key = make_key(kind, self.folder.name, parent, *names)
        self.components[key] = {
            "type": kind,
            "id": key,
            "children": [],
            "parents": [*self.components[parent].get("parents", []), parent],
            "meta": meta,
        }
        self.components[parent]["children"].append(key)
        return key

    def add_text(self, parent: str, text: str, width: int, height: int) -> None:
        """Add Markdown."""
        self.add("MARKDOWN", parent, {"code": text, "height": height, "width": width}, text)

    def add_row(self, *names: str, parent: str = "GRID_ID") -> str:
        """Add a row at the end of the page, or of a tab."""
        return self.add("ROW", parent, {"background": "BACKGROUND_TRANSPARENT"}, *names)

    def add_chart(self, row: str, key: str, width: int, text_height: int, number: int) -> None:
        """Add a chart with its sentence above it, in a column."""
        chart = self.folder.charts[key]
        column = self.add("COLUMN", row, {"background": "BACKGROUND_TRANSPARENT", "width": width}, key)
        self.add_text(column, chart.explanation, width, text_height)
        meta = {
            "chartId": number,
            "uuid": make_uuid("chart", self.folder.name, key),
            "sliceName": chart.title,
            "width": width,
            "height": chart.height,
        }
        self.add("CHART", column, meta, key)


def compile_dashboard(folder: Folder, folders: list[Folder], marts: Mapping[str, Mart]) -> Component:
    """One dashboard, with links to the others."""
    numbers = {key: number for number, key in enumerate(folder.charts, 1)}
    return {
        "dashboard_title": folder.dashboard.title,
        "description": folder.dashboard.description,
        "css": "\n".join(chart.style for chart in folder.charts.values() if chart.style),
        "slug": folder.name,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": make_uuid("dashboard", folder.name),
        "position": compile_position(folder, folders, numbers),
        "metadata": {
            "chart_configuration": compile_cross_filters(folder, numbers),
            "color_scheme": COLOR_SCHEME,
            "cross_filters_enabled": True,
            "default_filters": "{}",
            "expanded_slices": {},
            "label_colors": {},
            "native_filter_configuration": [
                compile_filter(folder, native, numbers, marts) for native in folder.dashboard.filters
            ],
            "refresh_frequency": 0,
            "shared_label_colors": [],
            "timed_refresh_immune_slices": [],
        },
        "version": VERSION,
    }


def compile_position(folder: Folder, folders: list[Folder], numbers: Mapping[str, int]) -> Component:
    """The page: links, then each section with its text and its rows."""
    layout = Layout(folder)
    head = f"{folder.dashboard.description}\n\n{write_links(folder, folders)}"
    layout.add_text(layout.add_row("links"), head, TWELFTHS, measure_text(head, TWELFTHS))
    for section in folder.dashboard.sections:
        add_section(layout, section, numbers)
    return layout.components


def add_section(layout: Layout, section: Section, numbers: Mapping[str, int]) -> None:
    """Add the heading, the text and the rows of a section."""
    text = f"## {section.title}\n{section.text}"
    layout.add_text(layout.add_row(section.title), text, TWELFTHS, measure_text(text, TWELFTHS))
    for index, entry in enumerate(section.rows):
        if isinstance(entry, Tabs):
            tabs = layout.add("TABS", "GRID_ID", {}, section.title, str(index))
            for name, charts in entry.tabs.items():
                add_charts(
                    layout, layout.add_row(name, parent=layout.add("TAB", tabs, {"text": name}, name)), charts, numbers
                )
        else:
            add_charts(layout, layout.add_row(section.title, str(index)), entry, numbers)


def add_charts(layout: Layout, row: str, charts: Mapping[str, int], numbers: Mapping[str, int]) -> None:
    """Fill a row with its charts, the sentences above them as high as the highest."""
    height = max(measure_text(layout.folder.charts[key].explanation, width) for key, width in charts.items())
    for key, width in charts.items():
        layout.add_chart(row, key, width, height, numbers[key])


def measure_text(text: str, width: int) -> int:
    """The height that Markdown needs in a column so many twelfths wide, in units of 8 pixels."""
    characters = CHARACTERS_PER_TWELFTH * width - CHARACTERS_OF_PADDING
    lines = sum(1 + len(line) // characters + line.startswith("#") for line in text.splitlines())
    return PADDING_UNITS + LINE_UNITS * lines


def write_links(folder: Folder, folders: list[Folder]) -> str:
    """Every dashboard, in order, as links; the one that is open in bold."""
    return " · ".join(
        f"**{other.dashboard.title}**"
        if other.name == folder.name
        else f"[{other.dashboard.title}](/superset/dashboard/{other.name}/)"
        for other in folders
    )


def compile_filter(folder: Folder, native: Filter, numbers: Mapping[str, int], marts: Mapping[str, Mart]) -> Component:
    """A filter that leaves charts alone whose mart lacks its column."""
    default = {
        "extraFormData": {"filters": [{"col": native.column, "op": "IN", "val": list(native.default)}]},
        "filterState": {"value": list(native.default), "label": ", ".join(map(str, native.default))},
    }
    return {
        "id": filter_key(folder, native.name),
        "type": "NATIVE_FILTER",
        "name": native.name,
        "description": native.description,
        "filterType": "filter_select",
        "targets": [{"datasetUuid": make_uuid("dataset", native.mart), "column": {"name": native.column}}],
        "controlValues": {
            "enableEmptyFilter": native.is_first_chosen or bool(native.default),
            "defaultToFirstItem": native.is_first_chosen,
            "multiSelect": native.is_multiple,
            "searchAllOptions": False,
            "inverseSelection": False,
            "sortAscending": not native.is_descending,
        },
        "requiredFirst": native.is_first_chosen,
        **compile_condition(native),
        "defaultDataMask": default if native.default else {"extraFormData": {}, "filterState": {}},
        "cascadeParentIds": [filter_key(folder, parent) for parent in native.parents],
        "scope": {
            "rootPath": ["ROOT_ID"],
            "excluded": [
                numbers[key]
                for key, chart in folder.charts.items()
                if not is_filtered(chart, native, marts[chart.mart])
            ],
        },
    }


def compile_condition(native: Filter) -> Component:
    """What narrows the values to choose from."""
    if not native.where:
        return {}
    return {
        "adhoc_filters": [
            {"expressionType": "SQL", "sqlExpression": condition, "clause": "WHERE", "isExtra": False}
            for condition in native.where
        ]
    }


def compile_cross_filters(folder: Folder, numbers: Mapping[str, int]) -> Component:
    """Which charts a click in a chart leaves alone: all, if it is passive, and those that ignore one of its columns."""
    configuration = {}
    for key, chart in folder.charts.items():
        shown = {*chart.columns, *chart.series}
        excluded = [
            numbers[other_key]
            for other_key, other in folder.charts.items()
            if other_key != key and (chart.is_passive or shown & set(other.ignores))
        ]
        if excluded:
            scope = {"rootPath": ["ROOT_ID"], "excluded": [numbers[key], *excluded]}
            configuration[str(numbers[key])] = {"id": numbers[key], "crossFilters": {"scope": scope}}
    return configuration


def filter_key(folder: Folder, name: str) -> str:
    """The key of a filter within its dashboard."""
    return make_key("NATIVE_FILTER", folder.name, name)
