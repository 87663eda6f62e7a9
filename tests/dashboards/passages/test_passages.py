"""Passages as text and as HTML: their colours and counts, and that markup in a document is escaped."""

import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from trailhouse.dashboards.passages.passage import ModelSeries, Passage, PassageToken
from trailhouse.dashboards.passages.passage_page import render_page, write_page
from trailhouse.dashboards.passages.terminal import render_passage

SERIES = (ModelSeries("s/small", (0, 10, 20), (90.0, 8.0, 9.0)), ModelSeries("s/large", (0, 10, 20), (80.0, 6.0, 3.0)))
UNTRUSTED = "</span><script>alert('\"&')</script>[bold]\x1b[31m\u202e\x00"
VOID = {"meta", "br"}


def make_passage(*tokens: tuple[str, str | None]) -> Passage:
    return Passage(
        corpus_id="books",
        document_id=3,
        document_name="a <b>name</b>",
        model_id="s/small",
        convention_id="paper",
        start_percent=10,
        tokens=tuple(
            PassageToken(position, text, category, 0.25, 0.01, SERIES)
            for position, (text, category) in enumerate(tokens)
        ),
    )


PASSAGE = make_passage(
    ("The", None), (" cat", "upward"), (" sat", "downward"), (" on", "stagnated"), (" it", "other"), ("\n", "upward")
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
    text = print_passage(make_passage((UNTRUSTED, "upward")), has_colors=False)
    assert "[bold]\\u{1b}[31m\\u{202e}\\u{0}" in text
    assert not set(text) & {"\x1b", "\x00", "\u202e"}


def test_a_text_cannot_add_elements_to_the_page():
    page = render_page(make_passage((UNTRUSTED, "upward"), ("x", UNTRUSTED)))
    tags = {tag for tag, _ in PageReader(page).elements}
    assert tags <= {"html", "head", "meta", "title", "style", "body", "h1", "ul", "li", "p", "span", "svg", "polyline"}
    assert "&lt;script&gt;" in page
    assert not set(page) & {"\x1b", "\x00", "\u202e"}
    assert not any(name.startswith("on") for _, attributes in PageReader(page).elements for name in attributes)


def test_the_page_loads_nothing_and_runs_nothing():
    page = render_page(PASSAGE)
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", page)


def test_the_page_shows_the_series_of_every_model_at_every_token():
    page = render_page(PASSAGE)
    reader = PageReader(page)
    assert reader.open == []
    tokens = [attributes["class"] for tag, attributes in reader.elements if "tabindex" in attributes]
    assert tokens == ["token plain", "token upward", "token downward", "token stagnated", "token plain", "token upward"]
    assert page.count("<polyline") == 2 * len(PASSAGE.tokens)
    assert page.count("s/small: 90 to 9<") == page.count("s/large: 80 to 3<") == len(PASSAGE.tokens)


def test_a_plot_spans_the_steps_and_puts_low_perplexity_at_the_bottom():
    points = re.findall(r'points="([^"]+)"', render_page(PASSAGE))[1].split()
    (x0, y0), (_, y1), (x2, y2) = ((float(x), float(y)) for x, y in (point.split(",") for point in points))
    assert (x0, x2) == (4.0, 236.0)
    assert y0 < y1 < y2 == 86.0


def test_a_constant_series_and_a_single_checkpoint_are_drawn():
    token = PassageToken(1, "x", "stagnated", None, None, (ModelSeries("m", (0,), (5.0,)),))
    page = render_page(Passage("c", 0, "d", "m", "paper", 0, (PassageToken(0, "a", None, None, None), token)))
    assert page.count("<polyline") == 1
    assert "nan" not in page


def test_a_trend_is_written_only_if_it_was_tested():
    def page(slope, p_value):
        return render_page(Passage("c", 0, "d", "m", "paper", 0, (PassageToken(0, "a", "upward", slope, p_value),)))

    assert "slope 0.25, p 0.01<" in page(0.25, 0.01)
    assert "slope" not in page(0.25, None)
    assert "slope" not in page(None, 0.01)


def test_the_page_is_written_whole(tmp_path):
    write_page(PASSAGE, tmp_path / "passage.html")
    assert [file.name for file in tmp_path.iterdir()] == ["passage.html"]
    assert (tmp_path / "passage.html").read_text(encoding="utf-8") == render_page(PASSAGE)
