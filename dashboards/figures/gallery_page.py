"""The figures of a suite on one HTML page, with links to its tables.

Each figure has a caption, its files, and its numbers as CSV.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from trailhouse.dashboards.figures.figure import FORMATS, Figure, Sample
from trailhouse.support.files import replacing, write_whole

PAGE = "index.html"
STYLE = """
body { font: 16px/1.5 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
figure { margin: 2.5rem 0 } img { max-width: 100%; height: auto } figcaption { margin-top: .5rem }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"


def save_rows(rows: pa.Table, directory: Path, name: str) -> Path:
    """Write a figure's rows to a CSV file, and return the file.

    An interrupted call leaves no incomplete file.
    """
    file = directory / f"{name}.csv"
    with replacing(file) as temporary:
        csv.write_csv(rows, temporary)
    return file


def write_gallery(
    figures: list[Figure],
    directory: Path,
    suite: str,
    corpus: str,
    samples: Mapping[Sample, str],
    tables: Mapping[str, str],
) -> Path:
    """Write the page that shows the figures in ``directory`` and links to the tables, and return its file.

    ``samples`` maps what a figure counts to the sentence that its caption has about it. ``tables`` maps the name of the
    HTML file of each table to its title.

    The page contains no script and loads nothing from outside the directory.
    """
    title = escape(f"Figures of {suite} on {corpus}")
    parts = "\n".join(render_figure(figure, samples[figure.sample]) for figure in figures)
    file = directory / PAGE
    write_whole(
        file,
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{render_links(tables)}{parts}\n</body>\n</html>\n",
    )
    return file


def render_links(tables: Mapping[str, str]) -> str:
    """Return the list of links to tables as HTML, which is empty if there are none."""
    links = " · ".join(f'<a href="{escape(name)}">{escape(title)}</a>' for name, title in tables.items())
    return f"<p>Tables: {links}</p>\n" if links else ""


def render_figure(figure: Figure, sample: str) -> str:
    """Return one figure as HTML. Its caption states the title, sample, source and mart, and links to the files."""
    name, title = escape(figure.name), escape(figure.title)
    links = " · ".join(f'<a href="{name}.{suffix}">{suffix.upper()}</a>' for suffix in (*FORMATS, "csv"))
    caption = (
        f"{title}. {escape(sample)} After {escape(figure.source)}; from <code>{escape(figure.mart)}</code>. {links}"
    )
    return f'<figure id="{name}">\n<img src="{name}.png" alt="{title}">\n<figcaption>{caption}</figcaption>\n</figure>'
