"""What a dashboard is declared by: the YAML of one folder, read strictly.

``<folder>/dashboard.yaml`` holds a Dashboard, ``<folder>/charts.yaml`` a mapping of keys to Charts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from trailhouse.errors import BadInputError

Kind = Literal["line", "scatter", "bar", "table", "number", "heatmap", "template"]


class Declaration(BaseModel):
    """A mapping that holds these keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(Declaration):
    """An aggregate of a mart's columns, as SQL, with the name people read and a d3 number format."""

    label: str = Field(min_length=1)
    expression: str = Field(min_length=1)
    format: str = ".3~r"


class Chart(Declaration):
    """One chart: a question to one mart, how it is drawn, and a sentence that says what one sees.

    ``columns`` are shown as they are, row by row, by tables and templates; every other kind shows ``metrics``, for
    each ``x`` and each combination of ``series``. ``where`` holds SQL conditions, ``order`` columns, each with a
    direction. Filters of the columns it ``ignores`` leave a chart alone; what is clicked in a table filters the other
    charts, unless the table ``is_passive``.
    """

    title: str = Field(min_length=1)
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
    height: int = Field(default=44, ge=6, le=200, description="In units of 8 pixels")


class Filter(Declaration):
    """A native filter: the values of one column, applied to every chart whose mart has the column.

    ``where`` narrows the values to choose from; so do the filters called ``parents``.
    """

    name: str = Field(min_length=1)
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
    """Rows of which one is seen at a time, by the names on their tabs."""

    tabs: dict[str, dict[str, int]] = Field(min_length=2)


class Section(Declaration):
    """A heading, a text, and rows of charts: each row maps chart keys to widths in twelfths, or is one of tabs."""

    title: str
    text: str
    rows: tuple[dict[str, int] | Tabs, ...]

    def all_rows(self) -> list[dict[str, int]]:
        """Every row, those in tabs too."""
        return [row for entry in self.rows for row in (entry.tabs.values() if isinstance(entry, Tabs) else [entry])]


class Dashboard(Declaration):
    """One dashboard, read from top to bottom; ``order`` is its place among the others."""

    title: str
    description: str
    order: int
    filters: tuple[Filter, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Folder:
    """A dashboard with its charts; the folder's name is the dashboard's address."""

    name: str
    dashboard: Dashboard
    charts: dict[str, Chart]


class UniqueKeyLoader(yaml.CSafeLoader):
    """Refuses a mapping that says a key twice, of which the usual loader keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping whose keys are all different."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is said twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_folders(assets: Path) -> list[Folder]:
    """Read every dashboard below a directory, in the order people see them.

    Raises BadInputError, naming file and field, for what is not a declaration.
    """
    directories = sorted(file.parent for file in assets.glob("*/dashboard.yaml"))
    if not directories:
        raise BadInputError(f"{assets} holds no dashboard", "give a directory of folders with a dashboard.yaml")
    folders = [
        Folder(
            directory.name,
            read_declaration(directory / "dashboard.yaml", TypeAdapter(Dashboard)),
            read_declaration(directory / "charts.yaml", TypeAdapter(dict[str, Chart])),
        )
        for directory in directories
    ]
    return sorted(folders, key=lambda folder: (folder.dashboard.order, folder.name))


Declared = TypeVar("Declared")


def read_declaration(file: Path, shape: TypeAdapter[Declared]) -> Declared:
    """Read one YAML file as what it should be."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), UniqueKeyLoader)  # noqa: S506 - a safe loader
        return shape.validate_python(content)
    except FileNotFoundError:
        raise BadInputError(f"{file} is missing", "every dashboard's folder holds a charts.yaml") from None
    except yaml.YAMLError as error:
        raise BadInputError(f"{file} is no YAML: {' '.join(str(error).split())}", "mend the file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInputError(f"{file}: {place}: {first['msg']}", "see docs/dashboards.md for the fields") from None
