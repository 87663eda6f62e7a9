"""Table 3 of Xia et al. 2023: a passage (one document) with every token in the colour of its trend category."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties, findfont, get_font

from trailhouse.dashboards.colours import CATEGORY_BY_NAME, TEXT
from trailhouse.dashboards.figures.figure import add_caveats, save_formats
from trailhouse.dashboards.figures.line_styles import STYLE
from trailhouse.dashboards.passages.passage import Passage
from trailhouse.support.visible_text import make_visible

NAME = "table_03_passage"
LINE_CHARACTERS = 100
LINE_COUNT = 40
HEAD_LINES = 3  # the title, the legend and an empty line
LEGEND_GAP_CHARACTERS = 3
FONT = FontProperties(family="DejaVu Sans Mono", size=9)
CHARACTER_INCHES, LINE_INCHES = 9 * 0.602 / 72, 0.19  # a character of DejaVu Sans Mono is 0.602 em wide
MARGIN_INCHES = 0.2

ColoredLine = list[tuple[str, str]]
"""One line of text, as (character, colour) pairs."""


def save_passage(passage: Passage, directory: Path) -> list[Path]:
    """Draw a passage, write it in every format, and return the files."""
    with style.context(STYLE):
        return save_formats(draw_passage(passage), directory, NAME)


def draw_passage(passage: Passage) -> Canvas:
    """Draw a passage in a fixed-width font: its title, a legend with token counts, and its first lines."""
    lines = lay_out(passage)
    shown = lines[:LINE_COUNT]
    height = LINE_INCHES * (len(shown) + HEAD_LINES + 1)
    canvas = Canvas(figsize=(CHARACTER_INCHES * LINE_CHARACTERS + 2 * MARGIN_INCHES, height))

    def write(row: int, column: int, text: str, color: str) -> None:
        x = (MARGIN_INCHES + CHARACTER_INCHES * column) / canvas.get_figwidth()
        y = 1 - LINE_INCHES * (row + 0.8) / height
        canvas.text(x, y, text, color=color, fontproperties=FONT, va="top", parse_math=False)

    write(0, 0, passage.title[:LINE_CHARACTERS], TEXT)
    column = 0
    for name, count in passage.count_categories().items():
        write(1, column, f"{name}: {count}", find_color(name))
        column += len(f"{name}: {count}") + LEGEND_GAP_CHARACTERS
    for row, line in enumerate(shown):
        column = 0
        for color, run in groupby(line, key=lambda character: character[1]):
            text = "".join(character for character, _ in run)
            write(row + HEAD_LINES, column, text, color)
            column += len(text)
    if len(lines) > len(shown):
        add_caveats(canvas, [f"The first {len(shown)} of {len(lines)} lines; the HTML page of this passage has all."])
    return canvas


def lay_out(passage: Passage) -> list[ColoredLine]:
    """Break a passage into lines, at its own line breaks and wherever a line reaches LINE_CHARACTERS characters."""
    lines: list[ColoredLine] = [[]]
    for character, color in color_characters(passage):
        if character == "\n" or len(lines[-1]) == LINE_CHARACTERS:
            lines.append([])
        if character != "\n":
            lines[-1].append((character, color))
    return lines


def color_characters(passage: Passage) -> Iterator[tuple[str, str]]:
    """Yield every character of a passage with its colour. A box replaces a character that the font lacks."""
    known = get_font(findfont(FONT)).get_charmap()
    for token in passage.tokens:
        color = find_color(token.category)
        for character in make_visible(token.text):
            yield (character if character == "\n" or ord(character) in known else "□"), color


def find_color(category: str | None) -> str:
    """Return the colour of a category. ``other`` and tokens without a trend get the colour of plain text."""
    return CATEGORY_BY_NAME[category].color if category in CATEGORY_BY_NAME else TEXT
