"""Read the declarations of dashboards. Each dashboard has a folder with two files.

``dashboard.yaml`` declares a Dashboard. ``charts.yaml`` maps keys to Charts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, RootModel

from trailhouse.errors import BadInputError
from trailhouse.support.declarations import Declaration, Text, read_declaration

Kind = Literal["line", "scatter", "bar", "table", "number", "heatmap", "template"]


class Metric(Declaration):
    """An SQL expression that aggregates a mart's columns, with the label that readers see and a d3 number format."""

    label: Text
    expression: Text
    format: str = ".3~r"


class Band(Declaration):
    """SQL expressions that aggregate the bounds of an interval."""

    lower: Text
    upper: Text


class Chart(Declaration):
    """One chart: the data that it reads from a mart, the way it draws them, and an explanation for readers.

    ``x`` is the column on the horizontal axis, or an SQL expression, which is named by the title of the axis.
    ``series`` holds columns that group the rows, for example into one line per model. A table or template shows either
    ``metrics`` for each group, or the columns ``columns`` of every row. Every other kind shows ``metrics`` for each
    group and each value of ``x``.

    ``where`` holds SQL conditions on the rows. ``order`` holds columns with a direction, such as ``step desc``. Filters
    on the columns in ``ignores`` do not change the chart. If ``is_passive`` is true, a click in the chart filters no
    other chart.
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
    band: Band | None = None
    """The interval around each line of a line chart with one metric and one line per model.

    The values of ``x`` then stand at equal distances, whatever their differences are.
    """
    row_limit: int = Field(default=10000, ge=1, le=50000)
    x_title: str = ""
    y_title: str = ""
    has_categories: bool = False
    """Whether the values of ``x`` are categories, so that a click on one filters the other charts."""
    is_x_logarithmic: bool = False
    is_x_exponent: bool = False
    """Whether the values of ``x`` are shown as powers of ten, for an expression such as ``log10(train_flops_palm)``."""
    is_y_logarithmic: bool = False
    y_maximum: float | None = None
    is_stacked: bool = False
    has_markers: bool = True
    template: str = ""
    """Handlebars of a template chart. ``[[inspector model_id]]`` is the address of a dashboard with filters set."""
    style: str = ""
    greys: tuple[str, ...] = ()
    """Values of the series that are no models. They are drawn in greys, the first the darkest."""
    has_hidden_legend: bool = False
    """Whether the page says elsewhere what the colours are. A chart by model never has a legend, as the bar has one."""
    is_bare: bool = False
    """Whether a template chart is shown without its title and menu."""
    filled_by: str = ""
    """The command that fills the chart. Readers of an empty chart need it."""
    height: int = Field(default=44, ge=6, le=200)
    """Height of the chart in units of 8 pixels."""

    @property
    def is_x_column(self) -> bool:
        """Whether ``x`` is a column and not an expression."""
        return self.x is not None and self.x.isidentifier()

    @property
    def x_name(self) -> str | None:
        """The name that the values of ``x`` have in the answer to the chart's query."""
        return self.x if self.x is None or self.is_x_column else self.x_title

    @property
    def description(self) -> str:
        """The sentences that stand in the card of the chart, with the command that fills an empty chart."""
        return f"{self.explanation} Filled by '{self.filled_by}'." if self.filled_by else self.explanation


class Filter(Declaration):
    """A filter of a dashboard by the values of one column. It applies to every chart whose mart has this column.

    The SQL conditions ``where`` and the filters named in ``parents`` narrow the values that the filter offers.
    """

    name: Text
    mart: str
    column: str
    default: tuple[str | int, ...] = ()
    is_first_chosen: bool = False
    is_multiple: bool = False
    is_descending: bool = False
    first: str = ""
    """The SQL aggregate by which the values are ordered, the largest first. Without it, they are ordered by name."""
    parents: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    description: str = ""

    @property
    def order_name(self) -> str:
        """The name under which the dataset offers the aggregate ``first``. Filters with equal aggregates share it."""
        return f"order_by_{re.sub('[^a-z0-9]+', '_', self.first).strip('_')}"


class Section(Declaration):
    """A section of a dashboard: a title, and rows that map the keys of charts to widths in twelfths of the page.

    If a dashboard has several sections, each is a tab.
    """

    title: Text
    rows: tuple[dict[str, int], ...]


class Dashboard(Declaration):
    """One dashboard, which answers one question. All dashboards are listed by ascending ``order``."""

    title: str
    description: str
    """The question that the dashboard answers."""
    order: int
    filters: tuple[Filter, ...]
    sections: tuple[Section, ...]
    bar_mart: str = "dim_scored_model"
    """The mart with the models that the bar at the top names."""


class Charts(RootModel[dict[str, Chart]]):
    """The charts of a dashboard, by key."""


@dataclass(frozen=True)
class Folder:
    """A folder with a dashboard and its charts by key. The folder's name is a part of the dashboard's URL."""

    name: str
    dashboard: Dashboard
    charts: dict[str, Chart]


def read_folders(assets: Path) -> list[Folder]:
    """Return the folders of all dashboards in the directory ``assets``, sorted by the field ``order``.

    Raises BadInputError naming file, line and field of the first mistake in a declaration.
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
