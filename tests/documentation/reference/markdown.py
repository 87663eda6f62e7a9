"""Parts of Markdown pages that look the same on a code host and on the built site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CODE_SPAN = re.compile(r"(`[^`]*`)")


def write_text(text: str) -> str:
    """Return a text on one line, in which only code spans are markup.

    Other characters that Markdown or HTML would interpret are escaped.
    """
    parts = CODE_SPAN.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else escape(part) for part in parts)


def escape(text: str) -> str:
    """Return a text whose characters mean themselves in Markdown."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])|[*\[\]`{}]", r"\\\g<0>", text)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Cells are Markdown already; an upright bar in them is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def write_introduction(title: str, text: str) -> str:
    """Return the beginning of a generated page."""
    return f"# {title}\n\nThis page is written by `make reference`. Do not edit it.\n\n{text}\n"
