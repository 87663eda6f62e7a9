"""What a figure is: the mart it reads, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from matplotlib import style
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.style import STYLE_SHEET

FORMATS = ("png", "svg", "pdf")
# Neither the date nor a random id goes into a file, so that the same marts give the same files.
METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@dataclass(frozen=True)
class Companion:
    """A second mart that a figure shows beside its own; ``suite_id`` is that of a published suite, if it is one."""

    mart: str
    columns: tuple[str, ...]
    suite_id: str | None = None


@dataclass(frozen=True)
class Figure:
    """A figure of a paper, as one mart shows it.

    ``draw`` takes the rows of the mart and then those of each companion.
    """

    name: str
    title: str
    source: str
    mart: str
    columns: tuple[str, ...]
    draw: Callable[..., Canvas]
    companions: tuple[Companion, ...] = ()


def save_figure(figure: Figure, rows: pa.Table, directory: Path, *companions: pa.Table) -> list[Path]:
    """Draw a figure from the rows of its marts and write it in every format; returns the files.

    A file appears whole or not at all.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with style.context(STYLE_SHEET):
        canvas = figure.draw(rows, *companions)
        return [save_canvas(canvas, directory, figure.name, file_format) for file_format in FORMATS]


def save_canvas(canvas: Canvas, directory: Path, name: str, file_format: str) -> Path:
    """Write a canvas in one format."""
    file = directory / f"{name}.{file_format}"
    partial = file.with_suffix(f".{file_format}.partial")
    canvas.savefig(partial, format=file_format, metadata=METADATA[file_format])
    partial.replace(file)
    return file
