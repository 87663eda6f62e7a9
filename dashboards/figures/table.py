"""This module defines what a table of a paper is, and writes a table as an HTML page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pyarrow as pa

from trailhouse.dashboards.figures.exhibit import Exhibit
from trailhouse.support.files import write_whole

STYLE = """
body { font: 16px/1.5 sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
body { color: black; background: white }
div { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0 2rem }
th, td { padding: .35rem .75rem; border-bottom: 1px solid lightgrey; text-align: left; vertical-align: top }
thead th { border-bottom: 1px solid black } th { font-weight: 600 } th, td { white-space: nowrap }
.number { text-align: right; font-variant-numeric: tabular-nums }
.text { white-space: normal; width: 45%; min-width: 16rem }
.text bdi { white-space: pre-wrap; overflow-wrap: anywhere; font-family: monospace; font-size: .85rem }
.text p { margin: .25rem 0 0 }
caption { white-space: pre-wrap; text-align: left; font-weight: 600; padding: .5rem 0; overflow-wrap: anywhere }
.note { font-size: .85rem; color: dimgrey }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, kw_only=True)
class Table(Exhibit):
    """A table of a paper, made from a mart.

    ``render`` takes the rows of ``mart``, and then the rows of each mart in ``companions``. It returns HTML in which
    all text of the warehouse is escaped.
    """

    render: Callable[..., str]


def write_table(table: Table, directory: Path, *tables: pa.Table) -> Path:
    """Write a table as an HTML page, and return its file. The page contains no script and loads nothing."""
    title = escape(table.title)
    file = directory / f"{table.name}.html"
    write_whole(
        file,
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{table.render(*tables)}\n"
        f'<p class="note">After {escape(table.source)}; from <code>{escape(table.mart)}</code>. '
        f'<a href="{escape(table.name)}.csv">CSV</a></p>\n</body>\n</html>\n',
    )
    return file


def render_rows(header: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return an HTML table.

    ``header`` holds the title of each column, as text, and the class of its cells. The cells of ``rows`` are ``<td>``
    or ``<th>`` elements. ``caption`` is HTML.
    """
    titles = "".join(f'<th scope="col" class="{kind}">{escape(title)}</th>' for title, kind in header)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    title = f"<caption>{caption}</caption>\n" if caption else ""
    return f"<div><table>\n{title}<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"


def render_notes(notes: Sequence[str]) -> str:
    """Return sentences as an HTML paragraph. They are escaped."""
    return f'<p class="note">{escape(" ".join(notes))}</p>'
