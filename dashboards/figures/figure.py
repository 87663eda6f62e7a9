"""What a figure is: the mart it reads, and how it is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from matplotlib import style
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.line_styles import STYLE_SHEET

FORMATS = ("png", "svg", "pdf")
# Neither the date nor a random id goes into a file, so that the same marts give the same files.
METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@dataclass(frozen=True)
class Companion:
    """A second mart that a figure shows beside its own; ``suite_id`` is that of a published suite, if it is one.

    ``equals`` keeps the rows that have these values.
    """

    mart: str
    columns: tuple[str, ...]
    suite_id: str | None = None
    equals: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure of a paper, as one mart shows it.

    ``draw`` takes the rows of the mart and then those of each companion; what ``caveat_mart`` says about the suite
    is written below. ``equals`` keeps the rows of the mart that have these values.
    """

    name: str
    title: str
    source: str
    mart: str
    columns: tuple[str, ...]
    draw: Callable[..., Canvas]
    companions: tuple[Companion, ...] = ()
    caveat_mart: str | None = None
    equals: tuple[tuple[str, str], ...] = ()
    is_of_corpus: bool = True
    """Whether the mart says something about a suite on a corpus, or about the suite alone."""


def save_figure(
    figure: Figure, rows: pa.Table, directory: Path, *companions: pa.Table, caveats: Sequence[str] = ()
) -> list[Path]:
    """Draw a figure from the rows of its marts and write it in every format; returns the files."""
    with style.context(STYLE_SHEET):
        canvas = figure.draw(rows, *companions)
        add_caveats(canvas, caveats)
        return save_formats(canvas, directory, figure.name)


def add_caveats(canvas: Canvas, caveats: Sequence[str]) -> None:
    """Write caveats below the panels."""
    if caveats:
        width = int(15 * canvas.get_figwidth())
        lines = [line for caveat in caveats for line in textwrap.wrap(caveat, width)]
        canvas.supxlabel("\n".join(lines), fontsize=8, x=0.01, ha="left", parse_math=False)


def save_formats(canvas: Canvas, directory: Path, name: str) -> list[Path]:
    """Write a canvas in every format; a file appears whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    return [save_canvas(canvas, directory, name, file_format) for file_format in FORMATS]


def save_canvas(canvas: Canvas, directory: Path, name: str, file_format: str) -> Path:
    """Write a canvas in one format."""
    file = directory / f"{name}.{file_format}"
    partial = file.with_suffix(f".{file_format}.partial")
    canvas.savefig(partial, format=file_format, metadata=METADATA[file_format])
    partial.replace(file)
    return file
