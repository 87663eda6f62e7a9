"""Table 3 of Xia et al. 2023: a passage with every token in the colour of its trend."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties, findfont, get_font

from trailhouse.dashboards.figures.figure import add_caveats, save_formats
from trailhouse.dashboards.figures.line_styles import STYLE_SHEET
from trailhouse.dashboards.passages.passage import CATEGORIES, Passage, make_visible

NAME = "table_03_passage"
LINE_CHARACTERS = 100
LINE_COUNT = 40
FONT = FontProperties(family="DejaVu Sans Mono", size=9)
CHARACTER_INCHES, LINE_INCHES = 9 * 0.602 / 72, 0.19  # DejaVu Sans Mono is 0.602 em wide
COLORS = {category.name: category.color for category in CATEGORIES}
PLAIN = "#000000"

Line = list[tuple[str, str]]  # characters with their colours


def save_passage(passage: Passage, directory: Path) -> list[Path]:
    """Draw a passage and write it in every format; returns the files."""
    with style.context(STYLE_SHEET):
        return save_formats(draw_passage(passage), directory, NAME)


def draw_passage(passage: Passage) -> Canvas:
    """Draw the first lines of a passage in a fixed-width font, the legend with its counts above them."""
    lines = lay_out(passage)
    shown = lines[:LINE_COUNT]
    height = LINE_INCHES * (len(shown) + 4)
    canvas = Canvas(figsize=(CHARACTER_INCHES * LINE_CHARACTERS + 0.4, height))

    def write(row: int, column: int, text: str, color: str) -> None:
        place = ((0.2 + CHARACTER_INCHES * column) / canvas.get_figwidth(), 1 - LINE_INCHES * (row + 0.8) / height)
        canvas.text(*place, text, color=color, fontproperties=FONT, va="top", parse_math=False)

    write(0, 0, passage.title[:LINE_CHARACTERS], PLAIN)
    column = 0
    for name, count in passage.count_categories().items():
        write(1, column, f"{name}: {count}", COLORS.get(name, PLAIN))
        column += len(f"{name}: {count}") + 3
    for row, line in enumerate(shown):
        column = 0
        for color, run in groupby(line, key=lambda character: character[1]):
            text = "".join(character for character, _ in run)
            write(row + 3, column, text, color)
            column += len(text)
    if len(lines) > len(shown):
        add_caveats(canvas, [f"The first {len(shown)} of {len(lines)} lines; the page beside this file has all."])
    return canvas


def lay_out(passage: Passage) -> list[Line]:
    """Break a passage into lines of coloured characters, at its own line breaks and where a line is full."""
    lines: list[Line] = [[]]
    for character, color in color_characters(passage):
        if character == "\n" or len(lines[-1]) == LINE_CHARACTERS:
            lines.append([])
        if character != "\n":
            lines[-1].append((character, color))
    return lines


def color_characters(passage: Passage) -> Iterator[tuple[str, str]]:
    """Every character of a passage with its colour; one that the font lacks is a box."""
    known = get_font(findfont(FONT)).get_charmap()
    for token in passage.tokens:
        color = COLORS.get(token.category or "", PLAIN)
        for character in make_visible(token.text):
            yield (character if character == "\n" or ord(character) in known else "□"), color
