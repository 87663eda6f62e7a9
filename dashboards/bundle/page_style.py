"""The CSS of a dashboard's page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trailhouse.dashboards.bundle.dashboard_declaration import Folder
from trailhouse.dashboards.colours import write_css_variables

PAGE_STYLE = Path(__file__).parent.parent / "assets" / "page.css"
PERCENT = range(101)
# A line of an explanation in a chart of n twelfths of a page 1,440 pixels wide has about 17 n - 8 characters.
CHARACTERS_PER_TWELFTH, CHARACTERS_OF_PADDING = 17, 8
LINE_PIXELS, GAP_PIXELS = 18, 12


def compile_css(folder: Folder, model_colors: Mapping[str, str]) -> str:
    """Return the CSS of a dashboard: the design of the page, the models' colours and the styles of its charts."""
    return "\n".join(
        [
            write_css_variables(),
            PAGE_STYLE.read_text(encoding="utf-8"),
            *(write_swatch(model, color) for model, color in model_colors.items()),
            *write_positions(),
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

    Superset 6.1 has no place for it: it puts the explanation into the label of the plot for screen readers, and the
    design of the page shows this label.
    """
    widths = {key: width for section in folder.dashboard.sections for row in section.rows for key, width in row.items()}
    return [
        f".chart-slice:has([aria-label={write_css_string(chart.description)}]) [data-test='slice-header']"
        f" {{ margin-bottom: {GAP_PIXELS + LINE_PIXELS * count_lines(chart.description, widths[key])}px }}"
        for key, chart in folder.charts.items()
        if key in widths and not chart.is_bare
    ]


def count_lines(text: str, width: int) -> int:
    """Return the number of lines of an explanation in a chart whose width is in twelfths of the page."""
    return -(-len(text) // (CHARACTERS_PER_TWELFTH * width - CHARACTERS_OF_PADDING))


def write_css_string(text: str) -> str:
    """Return a text as a string in CSS. Every character that could end the string is written as its code point."""
    escaped = "".join(
        character if character.isalnum() or character in "-_./ " else f"\\{ord(character):x} " for character in text
    )
    return f'"{escaped}"'
