"""A passage as a block of HTML that any page can hold: the page adds the style and the script once.

The block holds its data as JSON, and the script builds everything that is seen from it. The script puts in texts only
as texts, loads nothing, and needs no permission in the page's policy but its hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path

from trailhouse.dashboards.passages.page_data import LARGEST_BYTES, MOST_TOKENS, describe_history, write_json
from trailhouse.dashboards.passages.passage_history import PassageHistory

VIEWER = Path(__file__).parent / "viewer"
SCRIPTS = (
    "numbers.js",
    "history.js",
    "colouring.js",
    "curve.js",
    "controls.js",
    "sentences.js",
    "panes.js",
    "details.js",
    "viewer.js",
)


def render_block(history: PassageHistory, *, largest_bytes: int = LARGEST_BYTES, most_tokens: int = MOST_TOKENS) -> str:
    """Return the block of a passage as HTML. The limits are those of ``describe_history``."""
    data = write_json(describe_history(history, largest_bytes=largest_bytes, most_tokens=most_tokens))
    title = escape(history.passage.title, quote=True)
    return (
        f'<section class="passage-viewer" aria-label="{title}">'
        "<noscript>This passage is drawn by a script, which your browser does not run.</noscript>"
        f'<script type="application/json">{data}</script></section>'
    )


@cache
def read_style() -> str:
    """Return the style of the blocks, for one style element of the page."""
    return (VIEWER / "viewer.css").read_text(encoding="utf-8")


@cache
def read_script() -> str:
    """Return the script of the blocks, for one script element after all blocks of the page."""
    parts = [(VIEWER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def hash_for_policy(content: str) -> str:
    """Return the source expression by which a Content-Security-Policy allows an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
