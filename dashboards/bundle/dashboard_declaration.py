"""Read the declarations of dashboards: one folder per dashboard, with the files below.

``dashboard.yaml`` declares a Dashboard; ``charts.yaml`` maps keys to Charts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, RootModel, Tag

from trailhouse.errors import BadInputError
from trailhouse.support.declarations import Declaration, Text, read_declaration

Kind = Literal["line", "scatter", "bar", "table", "number", "heatmap", "template"]


class Metric(Declaration):
    """An aggregate of a mart's columns in SQL, with the label that readers see and a d3 number format."""

    label: Text
    expression: Text
    format: str = ".3~r"


class Chart(Declaration):
    """One chart: what it reads from a mart, how that is drawn, and an explanation for readers.

    A table or template shows either the rows of ``columns`` or ``metrics``; every other kind shows ``metrics``, for
    each value of ``x`` and each combination of ``series``. ``where`` are SQL conditions on the rows; ``order`` are
    columns with a direction, such as ``step desc``. Filters on the columns in ``ignores`` do not change the chart. A
    click in a table filters the other charts, unless the table ``is_passive``.
    """

    title: Text
    explanation: str = Field(min_length=20)
    mart: str
    kind: Kind
    x: str | None = None
    metrics: tuple[Metric, ...] = ()
    series: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    is_passive: bool = False
    row_limit: int = Field(default=10000, ge=1, le=50000)
    x_title: str = ""
    y_title: str = ""
    is_x_logarithmic: bool = False
    is_y_logarithmic: bool = False
    y_maximum: float | None = None
    is_stacked: bool = False
    has_markers: bool = True
    template: str = ""
    style: str = ""
    height: int = Field(default=44, ge=6, le=200)
    """In units of 8 pixels."""


class Filter(Declaration):
    """A filter of a dashboard by the values of one column; it applies to every chart whose mart has the column.

    The values on offer are narrowed by the SQL conditions ``where`` and by the filters named in ``parents``.
    """

    name: Text
    mart: str
    column: str
    default: tuple[str | int, ...] = ()
    is_first_chosen: bool = False
    is_multiple: bool = False
    is_descending: bool = False
    parents: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    description: str = ""


class Tabs(Declaration):
    """Rows of charts of which one is visible at a time, by the labels of their tabs."""

    tabs: dict[str, dict[str, int]] = Field(min_length=2)


def _tell_row(entry: object) -> str:
    """Return whether an entry of a section's rows is a row of charts or one of tabs."""
    return "tabs" if isinstance(entry, Tabs) or (isinstance(entry, dict) and "tabs" in entry) else "charts"


Row = Annotated[Annotated[dict[str, int], Tag("charts")] | Annotated[Tabs, Tag("tabs")], Discriminator(_tell_row)]
"""A row maps the keys of its charts to their widths in twelfths of the page, or holds tabs of such rows."""


class Section(Declaration):
    """A heading, a text, and rows of charts."""

    title: str
    text: str
    rows: tuple[Row, ...]

    def all_rows(self) -> list[dict[str, int]]:
        """Return every row, also those in tabs."""
        return [row for entry in self.rows for row in (entry.tabs.values() if isinstance(entry, Tabs) else [entry])]


class Dashboard(Declaration):
    """One dashboard, with its sections from top to bottom; dashboards are listed by ``order``."""

    title: str
    description: str
    order: int
    filters: tuple[Filter, ...]
    sections: tuple[Section, ...]


class Charts(RootModel[dict[str, Chart]]):
    """The charts of a dashboard by key."""


@dataclass(frozen=True)
class Folder:
    """A dashboard with its charts by key; the folder's name is part of the dashboard's URL."""

    name: str
    dashboard: Dashboard
    charts: dict[str, Chart]


def read_folders(assets: Path) -> list[Folder]:
    """Return every dashboard below a directory, in the order in which they are listed.

    Raises BadInputError with file, line and field for the first mistake in a declaration.
    """
    directories = sorted(file.parent for file in assets.glob("*/dashboard.yaml"))
    if not directories:
        raise BadInputError(f"{assets} holds no dashboard", "name a directory of folders that have a dashboard.yaml")
    folders = [
        Folder(
            directory.name,
            read_declaration(directory / "dashboard.yaml", Dashboard),
            read_declaration(directory / "charts.yaml", Charts).root,
        )
        for directory in directories
    ]
    return sorted(folders, key=lambda folder: (folder.dashboard.order, folder.name))
