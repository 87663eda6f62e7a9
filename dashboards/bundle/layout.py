"""Compile a dashboard: the layout of charts and texts on its page, its filters and its CSS."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.dashboards.bundle.bands import list_names
from trailhouse.dashboards.bundle.dashboard_declaration import Folder, Section, Tabs
from trailhouse.dashboards.bundle.datasets import VERSION
from trailhouse.dashboards.bundle.filters import compile_cross_filters, compile_filter
from trailhouse.dashboards.bundle.identity import make_key, make_uuid
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.superset_document import Document
from trailhouse.dashboards.colours import COLOUR_SCHEME, MODEL_COLOURS, write_css_variables

TWELFTHS = 12
# If a column takes n twelfths of the page, a line of its text has about 15 n - 10 characters. This holds for a page
# that is 1,500 pixels wide and has an open filter bar.
CHARACTERS_PER_TWELFTH, CHARACTERS_OF_PADDING = 15, 10
LINE_UNITS, PADDING_UNITS = 3, 4  # a unit of height is 8 pixels


class Layout:
    """The components of a dashboard's page (such as rows, texts and charts), by key. They form a tree."""

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

    def add_text(self, parent: str, text: str, width: int, height: int) -> None:
        """Add a Markdown text. ``width`` is in twelfths of the page, ``height`` in units of 8 pixels."""
        self.add("MARKDOWN", parent, {"code": text, "height": height, "width": width}, text)

    def add_row(self, *names: str, parent: str = "GRID_ID") -> str:
        """Add a row at the end of the page or of the tab ``parent``, and return the row's key."""
        return self.add("ROW", parent, {"background": "BACKGROUND_TRANSPARENT"}, *names)

    def add_chart(self, row: str, key: str, width: int, text_height: int, number: int) -> None:
        """Add a column to a row: the explanation of a chart, with the chart below it.

        ``width`` is in twelfths of the page. ``text_height`` is the height of the explanation in units of 8 pixels.
        ``number`` is the number of the chart within the dashboard.
        """
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


def compile_dashboard(
    folder: Folder, folders: list[Folder], marts: Mapping[str, Mart], model_colors: Mapping[str, str]
) -> Document:
    """Return the content of the file of one dashboard. Its page has links to all dashboards."""
    numbers = {key: number for number, key in enumerate(folder.charts, 1)}
    label_colors = {name: color for model, color in model_colors.items() for name in list_names(model)}
    return {
        "dashboard_title": folder.dashboard.title,
        "description": folder.dashboard.description,
        "css": compile_css(folder),
        "slug": folder.name,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": make_uuid("dashboard", folder.name),
        "position": compile_position(folder, folders, numbers),
        "metadata": {
            "chart_configuration": compile_cross_filters(folder, numbers),
            "color_scheme": COLOUR_SCHEME,
            "color_scheme_domain": list(MODEL_COLOURS),
            "cross_filters_enabled": True,
            "default_filters": "{}",
            "expanded_slices": {},
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


def compile_css(folder: Folder) -> str:
    """Return the CSS of a dashboard: named colours, then the charts' styles. Without styles, the CSS is empty."""
    styles = [chart.style for chart in folder.charts.values() if chart.style]
    return "\n".join([write_css_variables(), *styles]) if styles else ""


def compile_position(folder: Folder, folders: list[Folder], numbers: Mapping[str, int]) -> Document:
    """Return the components of the page: links to all dashboards, then every section with its text and rows."""
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
                tab = layout.add("TAB", tabs, {"text": name}, name)
                add_charts(layout, layout.add_row(name, parent=tab), charts, numbers)
        else:
            add_charts(layout, layout.add_row(section.title, str(index)), entry, numbers)


def add_charts(layout: Layout, row: str, charts: Mapping[str, int], numbers: Mapping[str, int]) -> None:
    """Add charts to a row. Their explanations get equal heights, so that the charts below them are aligned."""
    height = max(measure_text(layout.folder.charts[key].explanation, width) for key, width in charts.items())
    for key, width in charts.items():
        layout.add_chart(row, key, width, height, numbers[key])


def measure_text(text: str, width: int) -> int:
    """Return the height of a Markdown text in units of 8 pixels. ``width`` is in twelfths of the page."""
    characters = CHARACTERS_PER_TWELFTH * width - CHARACTERS_OF_PADDING
    lines = sum(1 + len(line) // characters + line.startswith("#") for line in text.splitlines())
    return PADDING_UNITS + LINE_UNITS * lines


def write_links(folder: Folder, folders: list[Folder]) -> str:
    """Return Markdown with links to all dashboards in order. The current dashboard is bold text instead of a link."""
    return " · ".join(
        f"**{other.dashboard.title}**"
        if other.name == folder.name
        else f"[{other.dashboard.title}](/superset/dashboard/{other.name}/)"
        for other in folders
    )
