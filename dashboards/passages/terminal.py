"""A passage as text for a terminal, with colours or, if the terminal has no colours, with marks."""

from __future__ import annotations

from rich.text import Text

from trailhouse.dashboards.colours import CATEGORY_BY_NAME
from trailhouse.dashboards.passages.passage import Passage
from trailhouse.support.visible_text import make_visible


def render_passage(passage: Passage, *, has_colors: bool) -> Text:
    """Return a passage with its title and legend. Without colours, a stagnated ``the`` is marked as ``{=the}``."""
    text = Text(passage.title + "\n\n", end="")
    for token in passage.tokens:
        append_token(text, token.text, token.category, has_colors=has_colors)
    text.append("\n\n")
    total = max(1, len(passage.tokens))
    for name, count in passage.count_categories().items():
        append_legend_line(text, name, f"{count:>8} {100 * count / total:5.1f}%", has_colors=has_colors)
    return text


def append_token(text: Text, token_text: str, category_name: str | None, *, has_colors: bool) -> None:
    """Append one token to ``text``. A newline is shown as an arrow and a line break."""
    visible = make_visible(token_text, line_break="⏎\n")
    category = CATEGORY_BY_NAME.get(category_name or "")
    if category is None:
        text.append(visible)
    elif has_colors:
        text.append(visible, style=category.terminal_style)
    else:
        text.append(f"{{{category.mark}{visible}}}")


def append_legend_line(text: Text, name: str, numbers: str, *, has_colors: bool) -> None:
    """Append one trend category to the legend: its count and percentage of tokens, its name, and its colour or mark."""
    category = CATEGORY_BY_NAME.get(name)
    if category is None:
        text.append(f"{numbers}  {name}\n")
        return
    label = f"{name} ({category.meaning})" if has_colors else f"{{{category.mark}...}} {name} ({category.meaning})"
    text.append(f"{numbers}  ")
    text.append(label, style=category.terminal_style if has_colors else "")
    text.append("\n")
