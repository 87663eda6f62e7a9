"""Compile a dashboard: the layout of the charts on its page, its filters and its CSS."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.dashboards.bundle.bands import list_names
from trailhouse.dashboards.bundle.dashboard_declaration import Folder, Section
from trailhouse.dashboards.bundle.filters import compile_cross_filters, compile_filter
from trailhouse.dashboards.bundle.identity import make_key, make_uuid
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.page_bar import BAR_KEY
from trailhouse.dashboards.bundle.page_style import compile_css
from trailhouse.dashboards.bundle.superset_document import VERSION, Document
from trailhouse.dashboards.colours import (
    COLOUR_SCHEME,
    MODEL_COLOURS,
    NEUTRAL,
    REFERENCES,
    TEXT,
    assign_reference_colors,
    choose_shade,
)

TWELFTHS = 12


class Layout:
    """The components of a dashboard's page (such as rows, tabs and charts), by key. They form a tree."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.components: Document = {
            "DASHBOARD_VERSION_KEY": "v2",
            "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
            "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
            "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": folder.dashboard.title}},
        }

    def add(self, kind: str, parent: str, meta: Document, *names: str) -> str:
        """Add a component as the last child of ``parent``, and return its key."""
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

    def add_row(self, *names: str, parent: str = "GRID_ID") -> str:
        """Add a row at the end of the page or of the tab ``parent``, and return the row's key."""
        return self.add("ROW", parent, {"background": "BACKGROUND_TRANSPARENT"}, *names)

    def add_chart(self, row: str, key: str, width: int, number: int) -> None:
        """Add a chart to a row.

        ``width`` is in twelfths of the page. ``number`` is the number of the chart within the dashboard.
        """
        chart = self.folder.charts[key]
        meta = {
            "chartId": number,
            "uuid": make_uuid("chart", self.folder.name, key),
            "sliceName": chart.title,
            "width": width,
            "height": chart.height,
        }
        self.add("CHART", row, meta, key)


def compile_dashboard(folder: Folder, marts: Mapping[str, Mart], model_colors: Mapping[str, str]) -> Document:
    """Return the content of the file of one dashboard. ``model_colors`` maps models to the colours of their lines."""
    numbers = {key: number for number, key in enumerate(folder.charts, 1)}
    label_colors = {name: color for model, color in model_colors.items() for name in list_names(model)}
    label_colors |= assign_reference_colors(model_colors)
    label_colors |= {
        metric.label: NEUTRAL for chart in folder.charts.values() if not chart.series for metric in chart.metrics
    }
    label_colors |= {
        name: choose_shade((TEXT, NEUTRAL, REFERENCES[0]), (index + 0.5) / len(chart.greys))
        for chart in folder.charts.values()
        for index, name in enumerate(chart.greys)
    }
    return {
        "dashboard_title": folder.dashboard.title,
        "description": folder.dashboard.description,
        "css": compile_css(folder, model_colors),
        "slug": folder.name,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": make_uuid("dashboard", folder.name),
        "position": compile_position(folder, numbers),
        "metadata": {
            "chart_configuration": compile_cross_filters(folder, numbers),
            "color_scheme": COLOUR_SCHEME,
            "color_scheme_domain": list(MODEL_COLOURS),
            "cross_filters_enabled": True,
            "default_filters": "{}",
            "expanded_slices": {},
            "filter_bar_orientation": "HORIZONTAL",
            "label_colors": label_colors,
            "map_label_colors": label_colors,
            "native_filter_configuration": [
                compile_filter(folder, native, numbers, marts) for native in folder.dashboard.filters
            ],
            "refresh_frequency": 0,
            "shared_label_colors": sorted(label_colors),
            "timed_refresh_immune_slices": [],
        },
        "version": VERSION,
    }


def compile_position(folder: Folder, numbers: Mapping[str, int]) -> Document:
    """Return the components of the page: the rows of its section, or a tab for each of several sections."""
    layout = Layout(folder)
    if BAR_KEY in folder.charts:
        layout.add_chart(layout.add_row(BAR_KEY), BAR_KEY, TWELFTHS, numbers[BAR_KEY])
    if len(folder.dashboard.sections) == 1:
        add_rows(layout, "GRID_ID", folder.dashboard.sections[0], numbers)
        return layout.components
    tabs = layout.add("TABS", "GRID_ID", {}, "tabs")
    for section in folder.dashboard.sections:
        add_rows(layout, layout.add("TAB", tabs, {"text": section.title}, section.title), section, numbers)
    return layout.components


def add_rows(layout: Layout, parent: str, section: Section, numbers: Mapping[str, int]) -> None:
    """Add the rows of a section to the page or to the tab ``parent``."""
    for index, charts in enumerate(section.rows):
        row = layout.add_row(section.title, str(index), parent=parent)
        for key, width in charts.items():
            layout.add_chart(row, key, width, numbers[key])
