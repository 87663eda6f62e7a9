"""Passages as text and as HTML: their colours and counts, and that markup in a document is escaped."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from tests.dashboards.passages.histories import make_history, make_passage, make_reading
from trailhouse.dashboards.passages.passage import Passage
from trailhouse.dashboards.passages.passage_page import render_page, write_page
from trailhouse.dashboards.passages.terminal import render_passage

UNTRUSTED = "</span><script>alert('\"&')</script>[bold]\x1b[31m\u202e\x00"
VOID = {"meta", "br"}


PASSAGE = make_passage(
    "s/small",
    ["The", " cat", " sat", " on", " it", "\n"],
    [None, "upward", "downward", "stagnated", "other", "upward"],
)


def print_passage(passage: Passage, *, has_colors: bool) -> str:
    console = Console(width=200, force_terminal=has_colors, color_system="truecolor" if has_colors else None)
    with console.capture() as capture:
        console.print(render_passage(passage, has_colors=has_colors), highlight=False)
    return capture.get()


class PageReader(HTMLParser):
    """Reads a page as a browser would: its elements, and whether each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_without_colours_marks_stand_for_the_categories():
    text = print_passage(PASSAGE, has_colors=False)
    assert "The{+ cat}{- sat}{= on} it{+⏎\n}" in text
    assert "\x1b" not in text


def test_with_colours_the_text_has_no_marks():
    text = print_passage(PASSAGE, has_colors=True)
    assert "The cat sat on it⏎" in re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\x1b[1;31m cat\x1b[0m\x1b[32m sat\x1b[0m\x1b[94m on\x1b[0m" in text


@pytest.mark.parametrize("has_colors", [False, True])
def test_the_legend_counts_every_token_once(has_colors):
    text = re.sub(r"\x1b\[[0-9;]*m", "", print_passage(PASSAGE, has_colors=has_colors))
    assert "2  33.3%" in text
    legend = dict(
        re.findall(r"^ +(\d+) +[\d.]+%  (?:\{.\.\.\.\} )?([a-z]+)", text, re.MULTILINE)[i][::-1] for i in range(5)
    )
    assert legend == {"stagnated": "1", "upward": "2", "downward": "1", "other": "1", "without": "1"}


def test_a_text_cannot_control_the_terminal():
    text = print_passage(make_passage("s/small", [UNTRUSTED], ["upward"]), has_colors=False)
    assert "[bold]\\u{1b}[31m\\u{202e}\\u{0}" in text
    assert not set(text) & {"\x1b", "\x00", "\u202e"}


def test_a_text_cannot_add_elements_to_the_page():
    page = render_page(make_history(make_reading("s/m", [UNTRUSTED, "x"], [0, 10])))
    reader = PageReader(page)
    assert reader.open == []
    tags = [tag for tag, _ in reader.elements]
    assert tags.count("script") == 2
    inert = {"html", "head", "meta", "title", "style", "body", "main", "h1", "bdi", "small", "p", "section", "noscript"}
    assert set(tags) == inert | {"script"}
    assert not set(page) & {"\x1b", "\x00", "\u202e"}
    assert not any(name.startswith("on") for _, attributes in reader.elements for name in attributes)


def test_the_policy_allows_the_page_s_own_script_and_style_only():
    page = render_page(make_history(make_reading("s/m", ["a", " b"], [0, 10])))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert rules["script-src"] == hash_content(script)
    assert rules["style-src"] == hash_content(style)
    assert "unsafe" not in policy
    without_names = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"https?:|src=|href=|url\(|@import|innerHTML|insertAdjacent|document\.write|eval\(", without_names
    )


def hash_content(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def test_the_page_is_written_whole(tmp_path):
    history = make_history(make_reading("s/m", ["a", " b"], [0, 10]))
    write_page(history, tmp_path / "passage.html")
    assert [file.name for file in tmp_path.iterdir()] == ["passage.html"]
    assert (tmp_path / "passage.html").read_text(encoding="utf-8") == render_page(history)
