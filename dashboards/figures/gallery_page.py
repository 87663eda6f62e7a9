"""The figures as one HTML page: captions, every format, and the numbers behind each."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from trailhouse.dashboards.figures.figure import FORMATS, Figure

PAGE = "index.html"
STYLE = """
body { font: 16px/1.5 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #000; background: #fff }
figure { margin: 2.5rem 0 } img { max-width: 100%; height: auto } figcaption { margin-top: .5rem }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"


def save_rows(rows: pa.Table, directory: Path, name: str) -> Path:
    """Write the rows that a figure is drawn from as CSV, whole or not at all."""
    file = directory / f"{name}.csv"
    partial = file.with_suffix(".csv.partial")
    csv.write_csv(rows, partial)
    partial.replace(file)
    return file


def write_gallery(figures: list[Figure], directory: Path, suite: str, corpus: str) -> Path:
    """Write the page for the figures that lie in a directory; it holds no script and loads nothing from elsewhere."""
    title = f"Figures of {suite} on {corpus}"
    parts = "\n".join(render_figure(figure) for figure in figures)
    file = directory / PAGE
    partial = file.with_suffix(".html.partial")
    partial.write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{parts}\n</body>\n</html>\n",
        encoding="utf-8",
    )
    partial.replace(file)
    return file


def render_figure(figure: Figure) -> str:
    """Write one figure with its caption: what it shows, after which figure of a paper, from which mart."""
    links = " · ".join(f'<a href="{escape(figure.name)}.{suffix}">{suffix.upper()}</a>' for suffix in (*FORMATS, "csv"))
    caption = f"{escape(figure.title)}. After {escape(figure.source)}; from <code>{escape(figure.mart)}</code>. {links}"
    return (
        f'<figure id="{escape(figure.name)}">\n<img src="{escape(figure.name)}.png" alt="{escape(figure.title)}">\n'
        f"<figcaption>{caption}</figcaption>\n</figure>"
    )
