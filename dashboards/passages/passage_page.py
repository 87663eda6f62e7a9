"""A passage as one HTML file, in which every token has the colour of its trend category.

If the reader points at a token or focuses it, a popup shows the perplexity of the token at every checkpoint.

The file contains no script and loads no other file. Every text from the warehouse is escaped.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

from trailhouse.dashboards.colours import CATEGORY_BY_NAME, choose_model_color, write_css_variables
from trailhouse.dashboards.passages.passage import WITHOUT_TREND, ModelSeries, Passage, PassageToken, make_visible
from trailhouse.support.files import write_whole

PLOT_WIDTH, PLOT_HEIGHT, PLOT_MARGIN = 240, 90, 4  # pixels
DASHES = ("none", "6 3", "6 2 2 2", "2 2", "8 2", "4 1", "1 1")
SMALLEST_PERPLEXITY = 1e-300  # a lower limit that keeps the logarithm finite
STYLE = """
body { font: 16px/1.7 Georgia, serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem 12rem; background: white }
h1 { font-size: 1rem }
.legend { list-style: none; padding: 0 }
.passage { white-space: pre-wrap; overflow-wrap: anywhere }
.token { position: relative }
.token:hover, .token:focus { background: var(--highlight); outline: none }
.newline { opacity: .4 }
.stagnated { color: var(--stagnated); text-decoration: underline }
.upward { color: var(--upward); font-weight: bold; text-decoration: underline wavy }
.downward { color: var(--downward); text-decoration: underline dotted }
.popup { display: none; position: absolute; left: 0; top: 100%; z-index: 1; width: 250px; padding: 6px }
.popup { font: 12px/1.4 sans-serif; white-space: normal; color: var(--text); background: white; border: 1px solid }
.popup .line { display: block }
.token:hover > .popup, .token:focus > .popup { display: inline-block }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_page(passage: Passage) -> str:
    """Return the page of a passage as HTML."""
    title = escape_text(passage.title)
    tokens = "".join(render_token(token) for token in passage.tokens)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>\n{write_css_variables()}{STYLE}</style>\n</head>\n"
        f'<body>\n<h1>{title}</h1>\n{render_legend(passage)}\n<p class="passage">{tokens}</p>\n</body>\n</html>\n'
    )


def write_page(passage: Passage, file: Path) -> None:
    """Write the page of a passage to a file. An interrupted call leaves no incomplete file."""
    write_whole(file, render_page(passage))


def escape_text(text: str) -> str:
    """Return a text that is safe in HTML content and in quoted attributes, with control characters made visible."""
    return escape(make_visible(text), quote=True)


def render_legend(passage: Passage) -> str:
    """Return the legend as HTML: the list of categories with their numbers of tokens."""
    items = "".join(
        f'<li><span class="{name.replace(" ", "-")}">{name}{render_meaning(name)}</span>: {count}</li>'
        for name, count in passage.count_categories().items()
    )
    return f'<ul class="legend">{items}</ul>'


def render_meaning(name: str) -> str:
    """Return the meaning of the trend category ``name`` in parentheses.

    The result is empty for ``other`` and ``without a trend``.
    """
    return f" ({CATEGORY_BY_NAME[name].meaning})" if name in CATEGORY_BY_NAME else ""


def render_token(token: PassageToken) -> str:
    """Return one token with its popup as HTML. A newline is shown as an arrow and a line break."""
    name = token.category if token.category in CATEGORY_BY_NAME else "plain"
    text = escape_text(token.text).replace("\n", '<span class="newline">⏎</span><br>')
    return f'<span class="token {name}" tabindex="0">{text}{render_popup(token)}</span>'


def render_popup(token: PassageToken) -> str:
    """Return a token's popup as HTML: its trend, and its perplexity as a plot and as first and last value per model."""
    lines = [f"position {token.position}: {escape_text(token.category or WITHOUT_TREND)}"]
    if token.slope is not None and token.p_value is not None:
        lines.append(f"slope {token.slope:.3g}, p {token.p_value:.3g}")
    heads = "".join(f'<span class="line">{line}</span>' for line in lines)
    if not token.series:
        return f'<span class="popup">{heads}</span>'
    rows = "".join(
        f'<span class="line" style="color:{choose_model_color(index)}">{escape_text(series.model_id)}:'
        f" {series.perplexities[0]:.4g} to {series.perplexities[-1]:.4g}</span>"
        for index, series in enumerate(token.series)
    )
    return f'<span class="popup">{heads}{render_plot(token.series)}{rows}</span>'


def render_plot(series: tuple[ModelSeries, ...]) -> str:
    """Return an SVG plot of perplexity on a logarithmic axis against the step, with one line per model."""
    last_step = max(1, *(step for line in series for step in line.steps))
    logs = [math.log(max(value, SMALLEST_PERPLEXITY)) for line in series for value in line.perplexities]
    low, high = min(logs), max(logs)
    spread = high - low or 1.0
    width, height = PLOT_WIDTH - 2 * PLOT_MARGIN, PLOT_HEIGHT - 2 * PLOT_MARGIN
    lines = []
    for index, line in enumerate(series):
        points = " ".join(
            f"{PLOT_MARGIN + width * step / last_step:.1f},"
            f"{PLOT_MARGIN + height * (high - math.log(max(value, SMALLEST_PERPLEXITY))) / spread:.1f}"
            for step, value in zip(line.steps, line.perplexities, strict=True)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{choose_model_color(index)}"'
            f' stroke-dasharray="{DASHES[index % len(DASHES)]}"/>'
        )
    label = "perplexity, logarithmic, against step"
    return f'<svg width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}" role="img" aria-label="{label}">{"".join(lines)}</svg>'
