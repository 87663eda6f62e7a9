"""A passage as one self-contained HTML file: colours, and on hover or focus the token's series in every model.

The file holds no script and loads nothing; every text of the warehouse is escaped.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

from trailhouse.dashboards.figures.line_styles import COLOURS
from trailhouse.dashboards.passages.passage import CATEGORIES, ModelSeries, Passage, PassageToken, make_visible

PLOT_WIDTH, PLOT_HEIGHT = 240, 90  # pixels
DASHES = ("none", "6 3", "6 2 2 2", "2 2", "8 2", "4 1", "1 1")
STYLE = """
body { font: 16px/1.7 Georgia, serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem 12rem; background: #fff }
h1 { font-size: 1rem }
.legend { list-style: none; padding: 0 }
.passage { white-space: pre-wrap; overflow-wrap: anywhere }
.token { position: relative }
.token:hover, .token:focus { background: #ffee99; outline: none }
.newline { color: #999 }
.stagnated { text-decoration: underline }
.upward { font-weight: bold; text-decoration: underline wavy }
.downward { text-decoration: underline dotted }
.popup { display: none; position: absolute; left: 0; top: 100%; z-index: 1; width: 250px; padding: 6px }
.popup { font: 12px/1.4 sans-serif; white-space: normal; color: #000; background: #fff; border: 1px solid #888 }
.popup .line { display: block }
.token:hover > .popup, .token:focus > .popup { display: inline-block }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_page(passage: Passage) -> str:
    """Write the page as text."""
    colors = "".join(f".{category.name}{{color:{category.color}}}" for category in CATEGORIES)
    title = write_text(passage.title)
    tokens = "".join(render_token(token) for token in passage.tokens)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}{colors}\n</style>\n</head>\n"
        f'<body>\n<h1>{title}</h1>\n{render_legend(passage)}\n<p class="passage">{tokens}</p>\n</body>\n</html>\n'
    )


def write_page(passage: Passage, file: Path) -> None:
    """Write the page to a file, whole or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(render_page(passage), encoding="utf-8")
    partial.replace(file)


def write_text(text: str) -> str:
    """Escape a text for element content and quoted attributes, control characters spelt out."""
    return escape(make_visible(text), quote=True)


def render_legend(passage: Passage) -> str:
    """List the categories with their counts."""
    meanings = {category.name: f" ({category.meaning})" for category in CATEGORIES}
    items = "".join(
        f'<li><span class="{name.replace(" ", "-")}">{name}{meanings.get(name, "")}</span>: {count}</li>'
        for name, count in passage.count_categories().items()
    )
    return f'<ul class="legend">{items}</ul>'


def render_token(token: PassageToken) -> str:
    """Write one token with its popup; the tokens of a line break keep breaking it."""
    known = {category.name for category in CATEGORIES}
    name = token.category if token.category in known else "plain"
    text = write_text(token.text).replace("\n", '<span class="newline">⏎</span><br>')
    return f'<span class="token {name}" tabindex="0">{text}{render_popup(token)}</span>'


def render_popup(token: PassageToken) -> str:
    """Write what shows on hover: the trend, a plot of all models, and where each began and ended."""
    lines = [f"position {token.position}: {write_text(token.category or 'without a trend')}"]
    if token.slope is not None and token.p_value is not None:
        lines.append(f"slope {token.slope:.3g}, p {token.p_value:.3g}")
    heads = "".join(f'<span class="line">{line}</span>' for line in lines)
    if not token.series:
        return f'<span class="popup">{heads}</span>'
    rows = "".join(
        f'<span class="line" style="color:{COLOURS[index % len(COLOURS)]}">{write_text(series.model_id)}:'
        f" {series.perplexities[0]:.4g} to {series.perplexities[-1]:.4g}</span>"
        for index, series in enumerate(token.series)
    )
    return f'<span class="popup">{heads}{render_plot(token.series)}{rows}</span>'


def render_plot(series: tuple[ModelSeries, ...]) -> str:
    """Draw perplexity, on a logarithmic axis, against the step, one line per model."""
    last_step = max(1, *(step for line in series for step in line.steps))
    logs = [math.log(max(value, 1e-300)) for line in series for value in line.perplexities]
    low, high = min(logs), max(logs)
    spread = high - low or 1.0
    lines = []
    for index, line in enumerate(series):
        points = " ".join(
            f"{4 + (PLOT_WIDTH - 8) * step / last_step:.1f},"
            f"{4 + (PLOT_HEIGHT - 8) * (high - math.log(max(value, 1e-300))) / spread:.1f}"
            for step, value in zip(line.steps, line.perplexities, strict=True)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[index % len(COLOURS)]}"'
            f' stroke-dasharray="{DASHES[index % len(DASHES)]}"/>'
        )
    label = "perplexity, logarithmic, against step"
    return f'<svg width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}" role="img" aria-label="{label}">{"".join(lines)}</svg>'
