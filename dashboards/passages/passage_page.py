"""A passage as one HTML file, in which a slider shows how each token is learned from checkpoint to checkpoint.

The file loads no other file, and its policy allows its own script and style only.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from trailhouse.dashboards.passages.passage_block import hash_for_policy, read_script, read_style, render_block
from trailhouse.dashboards.passages.passage_history import PassageHistory
from trailhouse.support.files import write_whole
from trailhouse.support.visible_text import make_label

PAGE_STYLE = """
:root { color-scheme: light dark }
body { margin: 0 auto; max-width: 90rem; padding: 1rem; font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.25rem; margin: 0; overflow-wrap: anywhere }
main > p { margin: 0 0 .75rem }
h1 small { font-weight: normal; font-size: .9rem }
@media screen and (prefers-color-scheme: dark) { body { background: rgb(20 22 26); color: rgb(230 230 230) } }
@media print { :root { color-scheme: light } }
"""


def render_page(history: PassageHistory) -> str:
    """Return the page of a passage as HTML."""
    passage = history.passage
    name = escape(make_label(passage.document_name), quote=True)
    corpus = escape(make_label(passage.corpus_id), quote=True)
    style, script = PAGE_STYLE + read_style(), read_script()
    policy = (
        f"default-src 'none'; script-src {hash_for_policy(script)}; style-src {hash_for_policy(style)};"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: how models learn it</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1><bdi>{name}</bdi> <small>document {passage.document_id} of <bdi>{corpus}</bdi></small></h1>\n"
        "<p>The slider chooses a checkpoint of the training; the legend says what the colours of the tokens mean.</p>\n"
        f"{render_block(history)}\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def write_page(history: PassageHistory, file: Path) -> None:
    """Write the page of a passage to a file. An interrupted call leaves no incomplete file."""
    write_whole(file, render_page(history))
