"""Table 3 of Xia et al. 2023: a passage (one document) with every token underlined by its trend category."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from matplotlib import style
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties, findfont, get_font

from trailhouse.dashboards.colours import CATEGORY_BY_NAME, TEXT
from trailhouse.dashboards.figures.figure import add_notes, save_formats
from trailhouse.dashboards.figures.line_styles import STYLE
from trailhouse.dashboards.passages.passage import Passage
from trailhouse.support.visible_text import make_visible

NAME = "table_03_passage"
TITLE = "A passage by the trends of its tokens"
LINE_CHARACTERS = 100
LINE_COUNT = 40
LEGEND_GAP_CHARACTERS = 3
FONT = FontProperties(family="DejaVu Sans Mono", size=9)
BOLD_FONT = FontProperties(family="DejaVu Sans Mono", size=9, weight="bold")
CHARACTER_INCHES, LINE_INCHES = 9 * 0.602 / 72, 0.21  # a character of DejaVu Sans Mono is 0.602 em wide
UNDERLINE_INCHES = 0.15
"""Distance of an underline from the top of its line."""
MARGIN_INCHES = 0.2
# Without hinting, characters have the same width on the screen as in the layout, so that no gaps open within words.
UNHINTED = {"text.hinting": "no_hinting"}
UNDERLINES = {"stagnated": ("solid", 0.8), "upward": ("solid", 1.8), "downward": ("dotted", 1.2)}
"""The line style and the width (points) of the underline of each trend category."""

CategorisedLine = list[tuple[str, str | None]]
"""One line of text, as (character, trend category) pairs."""


def save_passage(passage: Passage, directory: Path) -> list[Path]:
    """Draw a passage, write it in every format, and return the files."""
    with style.context([*STYLE, UNHINTED]):
        return save_formats(draw_passage(passage), directory, NAME)


def draw_passage(passage: Passage) -> Canvas:
    """Draw a passage in a fixed-width font: its title, a legend with token counts, and its first lines."""
    titles = textwrap.wrap(make_visible(passage.title), LINE_CHARACTERS)
    lines = lay_out(passage)
    shown: list[CategorisedLine] = [[(character, None) for character in title] for title in titles]
    shown += [lay_out_legend(passage), [], *lines[:LINE_COUNT]]
    height = LINE_INCHES * (len(shown) + 1)
    width = CHARACTER_INCHES * LINE_CHARACTERS + 2 * MARGIN_INCHES
    canvas = Canvas(figsize=(width, height))
    underlines: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in UNDERLINES}
    for row, line in enumerate(shown):
        column = 0
        y = 1 - LINE_INCHES * (row + 0.8) / height
        for category, run in groupby(line, key=lambda character: character[1]):
            text = "".join(character for character, _ in run)
            start = MARGIN_INCHES + CHARACTER_INCHES * column
            font = BOLD_FONT if category == "upward" else FONT
            canvas.text(
                start / width, y, text, color=find_color(category), fontproperties=font, va="top", parse_math=False
            )
            if category in UNDERLINES:
                indent = CHARACTER_INCHES * (len(text) - len(text.lstrip()))
                ends = ((start + indent) / width, (start + CHARACTER_INCHES * len(text.rstrip())) / width)
                underlines[category].append([(x, y - UNDERLINE_INCHES / height) for x in ends])
            column += len(text)
    for name, segments in underlines.items():
        linestyle, linewidth = UNDERLINES[name]
        canvas.add_artist(
            LineCollection(
                segments,
                colors=find_color(name),
                linestyles=linestyle,
                linewidths=linewidth,
                transform=canvas.transFigure,
            )
        )
    if len(lines) > LINE_COUNT:
        add_notes(canvas, [f"The first {LINE_COUNT} of {len(lines)} lines; the HTML page of this passage has all."])
    return canvas


def lay_out_legend(passage: Passage) -> CategorisedLine:
    """Return the line that names every category with its number of tokens, written as tokens of the category are."""
    line: CategorisedLine = []
    for name, count in passage.count_categories().items():
        category = name if name in CATEGORY_BY_NAME else None
        line += [(character, category) for character in f"{name}: {count}"]
        line += [(" ", None)] * LEGEND_GAP_CHARACTERS
    return line


def lay_out(passage: Passage) -> list[CategorisedLine]:
    """Break a passage into lines, at its own line breaks and wherever a line reaches LINE_CHARACTERS characters."""
    lines: list[CategorisedLine] = [[]]
    for character, category in categorise_characters(passage):
        if character == "\n" or len(lines[-1]) == LINE_CHARACTERS:
            lines.append([])
        if character != "\n":
            lines[-1].append((character, category))
    return lines


def categorise_characters(passage: Passage) -> Iterator[tuple[str, str | None]]:
    """Yield every character of a passage with its category. A box replaces a character that the font lacks."""
    known = get_font(findfont(FONT)).get_charmap()
    for token in passage.tokens:
        category = token.category if token.category in CATEGORY_BY_NAME else None
        for character in make_visible(token.text):
            yield (character if character == "\n" or ord(character) in known else "□"), category


def find_color(category: str | None) -> str:
    """Return the colour of a category. ``other`` and tokens without a trend get the colour of plain text."""
    return CATEGORY_BY_NAME[category].color if category in CATEGORY_BY_NAME else TEXT
