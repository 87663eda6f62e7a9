"""This module defines what a figure is, and writes a figure in every format."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
from matplotlib import style
from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import Bbox

from trailhouse.dashboards.figures.exhibit import Exhibit
from trailhouse.dashboards.figures.line_styles import STYLE
from trailhouse.support.files import replacing

FORMATS = ("png", "svg", "pdf")
# The files contain neither the date nor the software's name, so that unchanged marts give unchanged files.
METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
CHARACTERS_PER_INCH = 15
MARGIN_INCHES = 0.1
Sample = Literal["tokens", "trends", "none"]


@dataclass(frozen=True, kw_only=True)
class Figure(Exhibit):
    """A figure of a paper, drawn from a mart.

    ``draw`` takes the rows of ``mart``, and then the rows of each mart in ``companions``. ``caveat_mart`` is the mart
    that holds the caveats about a suite, which are written below the panels.
    """

    draw: Callable[..., Canvas]
    caveat_mart: str | None = None
    are_caveats_of_corpus: bool = True
    """Whether ``caveat_mart`` has rows per suite and corpus. If false, it has rows per suite only."""
    last_start_percent: int | None = None
    """The last start of the trend fit that the figure shows, if it does not show all of them."""
    sample: Sample = "tokens"
    """What the figure's caption counts: the tokens of the corpus, also naming the convention of trends, or nothing."""


def save_figure(figure: Figure, directory: Path, *tables: pa.Table, notes: Sequence[str] = ()) -> list[Path]:
    """Draw a figure from the rows of its marts, write it in every format, and return the files.

    ``tables`` holds the rows of the figure's mart, then those of its companions, as ``add_styles`` returns them.
    """
    with style.context(STYLE):
        canvas = figure.draw(*tables)
        add_notes(canvas, notes)
        return save_formats(canvas, directory, figure.name)


def add_notes(canvas: Canvas, notes: Sequence[str]) -> None:
    """Write notes below the panels, wrapped to the width of the figure, and below what already stands there."""
    if notes:
        width = int(CHARACTERS_PER_INCH * canvas.get_figwidth())
        lines = [line for note in notes for line in textwrap.wrap(note, width)]
        if canvas.get_supxlabel():
            lines.insert(0, canvas.get_supxlabel())
        canvas.supxlabel("\n".join(lines), fontsize=8, x=0.01, ha="left", parse_math=False)


def save_formats(canvas: Canvas, directory: Path, name: str) -> list[Path]:
    """Write a canvas in every format, and return the files."""
    box = arrange_panels(canvas)
    return [save_canvas(canvas, box, directory / f"{name}.{file_format}", file_format) for file_format in FORMATS]


def arrange_panels(canvas: Canvas) -> Bbox:
    """Arrange the panels, and return the box (inches) that holds all that is drawn.

    The panels are arranged once for all formats, because this takes longer than writing a file.
    """
    canvas.draw_without_rendering()
    canvas.set_layout_engine(None)
    return canvas.get_tightbbox().padded(MARGIN_INCHES)


def save_canvas(canvas: Canvas, box: Bbox, file: Path, file_format: str) -> Path:
    """Write the part of a canvas in ``box`` (inches), and return the file. An interrupted call leaves no part."""
    with replacing(file) as temporary:
        canvas.savefig(temporary, format=file_format, bbox_inches=box, metadata=METADATA[file_format])
    return file
