"""A passage in a terminal: coloured where there are colours, with marks where there are none."""

from __future__ import annotations

from rich.text import Text

from trailhouse.dashboards.passages.passage import CATEGORIES, Passage, make_visible

STYLES = {"stagnated": "bright_blue", "upward": "bold red", "downward": "green"}
CATEGORY_BY_NAME = {category.name: category for category in CATEGORIES}


def render_passage(passage: Passage, *, has_colors: bool) -> Text:
    """Lay out title, text and legend; without colours a stagnated ``the`` reads ``{=the}``."""
    text = Text(make_visible(passage.title) + "\n\n", end="")
    for token in passage.tokens:
        append_token(text, token.text, token.category, has_colors=has_colors)
    text.append("\n\n")
    counts = passage.count_categories()
    total = max(1, len(passage.tokens))
    for name, count in counts.items():
        append_legend_line(text, name, f"{count:>8} {100 * count / total:5.1f}%", has_colors=has_colors)
    return text


def append_token(text: Text, token_text: str, category: str | None, *, has_colors: bool) -> None:
    """Append one token; a newline shows as an arrow before it breaks the line."""
    visible = make_visible(token_text).replace("\n", "⏎\n")
    if category not in STYLES:
        text.append(visible)
    elif has_colors:
        text.append(visible, style=STYLES[category])
    else:
        text.append(f"{{{CATEGORY_BY_NAME[category].mark}{visible}}}")


def append_legend_line(text: Text, name: str, numbers: str, *, has_colors: bool) -> None:
    """Append what one colour or mark means, and how many tokens have it."""
    category = CATEGORY_BY_NAME.get(name)
    if category is None:
        text.append(f"{numbers}  {name}\n")
        return
    label = f"{name} ({category.meaning})" if has_colors else f"{{{category.mark}...}} {name} ({category.meaning})"
    text.append(f"{numbers}  ")
    text.append(label, style=STYLES[name] if has_colors else "")
    text.append("\n")
