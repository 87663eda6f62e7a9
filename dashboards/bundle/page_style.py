"""The CSS of a dashboard's page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from trailhouse.dashboards.bundle.dashboard_declaration import Folder
from trailhouse.dashboards.colours import assign_reference_colors, write_css_variables

ASSETS = Path(__file__).parent.parent / "assets"
CLASSES = re.compile(r'class="([^"]*)"')
PERCENT = range(101)
# A line of an explanation in a chart of n twelfths of a page 1,440 pixels wide has about 17 n - 8 characters.
CHARACTERS_PER_TWELFTH, CHARACTERS_OF_PADDING = 17, 8
LINE_PIXELS, GAP_PIXELS = 18, 14


def compile_css(folder: Folder, model_colors: Mapping[str, str]) -> str:
    """Return the CSS of a dashboard: the design of the page, the models' colours and the styles of its charts.

    The styles are those of the classes that its templates have: a file of ``styles`` has the name of its class.
    """
    templates = "".join(chart.template for chart in folder.charts.values())
    classes = {name for names in CLASSES.findall(templates) for name in names.split()}
    files = [ASSETS / "page.css", *(file for file in sorted(ASSETS.glob("styles/*.css")) if file.stem in classes)]
    greys = assign_reference_colors(model_colors)
    return "\n".join(
        [
            write_css_variables(),
            *(file.read_text(encoding="utf-8") for file in files),
            *(write_swatch(model, color) for model, color in {**model_colors, **greys}.items()),
            *(write_positions() if "track" in classes else []),
            *write_explanations(folder),
            *(chart.style for chart in folder.charts.values() if chart.style),
        ]
    )


def write_swatch(model: str, color: str) -> str:
    """Return the rule for the colour beside the name of a model."""
    return f".swatch[title={write_css_string(model)}] {{ background: {color} }}"


def write_positions() -> list[str]:
    """Return the rules for places on a horizontal axis of 100%, because Superset removes styles from templates.

    ``at-30`` is a place at 30%. ``from-10`` and ``to-30`` are the ends of an interval.
    """
    return [
        *(f".at-{percent}, .from-{percent} {{ left: {percent}% }}" for percent in PERCENT),
        *(f".to-{percent} {{ right: {100 - percent}% }}" for percent in PERCENT),
    ]


def write_explanations(folder: Folder) -> list[str]:
    """Return the rules that leave room for the explanation of every chart between its title and its plot.

    The charts of a row have equal room, so that their plots begin at one height.

    Superset 6.1 has no place for it: it puts the explanation into the label of the plot for screen readers, and the
    design of the page shows this label.
    """
    rules = []
    for row in (row for section in folder.dashboard.sections for row in section.rows):
        described = {key: folder.charts[key].description for key in row if not folder.charts[key].is_bare}
        line_count = max((count_lines(text, row[key]) for key, text in described.items()), default=0)
        rules += [
            f".chart-slice:has([aria-label={write_css_string(text)}])"
            f" {{ --room: {GAP_PIXELS + LINE_PIXELS * line_count}px }}"
            for text in described.values()
        ]
    return rules


def count_lines(text: str, width: int) -> int:
    """Return the number of lines of an explanation in a chart whose width is in twelfths of the page."""
    return -(-len(text) // (CHARACTERS_PER_TWELFTH * width - CHARACTERS_OF_PADDING))


def write_css_string(text: str) -> str:
    """Return a text as a string in CSS. Every character that could end the string is written as its code point."""
    escaped = "".join(
        character if character.isalnum() or character in "-_./ " else f"\\{ord(character):x} " for character in text
    )
    return f'"{escaped}"'
