"""The pages of the documentation, with their code blocks, links and headings as a code host reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
HTML_LINK = re.compile(r'(?:href|src)="([^"]+)"')


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block of code with its language, and the line of the page on which it begins."""

    language: str
    text: str
    line: int


def list_pages() -> list[Path]:
    """Return the Markdown files that users read: those of the root, and all in docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), ROOT / "benchmarks" / "README.md"]


@cache
def parse(page: Path) -> list[Token]:
    """Return the tokens of a page."""
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def list_code_blocks(page: Path, *languages: str) -> list[CodeBlock]:
    """Return the fenced blocks of a page in some languages."""
    fences = [token for token in parse(page) if token.type == "fence" and token.info.strip() in languages]
    return [CodeBlock(token.info.strip(), token.content, token.map[0] + 1) for token in fences]


def list_inline_tokens(page: Path) -> Iterator[Token]:
    """Yield the tokens inside paragraphs, tables and headings."""
    for token in parse(page):
        yield from token.children or ()


def list_code_spans(page: Path) -> list[str]:
    """Return the texts in single backticks."""
    return [token.content for token in list_inline_tokens(page) if token.type == "code_inline"]


def list_links(page: Path) -> list[str]:
    """Return the targets of all links and images of a page."""
    html = [token for token in (*parse(page), *list_inline_tokens(page)) if token.type.startswith("html")]
    inline = [token.attrs.get("href") or token.attrs.get("src") for token in list_inline_tokens(page)]
    return [*filter(None, inline), *(link for token in html for link in HTML_LINK.findall(token.content))]


@cache
def list_anchors(page: Path) -> set[str]:
    """Return the anchors that a code host gives to the headings of a page."""
    anchors: set[str] = set()
    tokens = parse(page)
    for heading, content in pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(child.content for child in content.children or ())
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            repeated = sum(1 for other in anchors if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other))
            anchors.add(f"{anchor}-{repeated}" if repeated else anchor)
    return anchors
