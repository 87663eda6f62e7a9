"""The drawing that corresponds to Table 3 of Xia et al. 2023: a passage with its tokens coloured by trend."""

import pytest
from matplotlib import style

from trailhouse.dashboards.colours import CATEGORIES, TEXT
from trailhouse.dashboards.figures.figure import FORMATS
from trailhouse.dashboards.figures.line_styles import STYLE
from trailhouse.dashboards.figures.passage_table import (
    CHARACTER_INCHES,
    LINE_CHARACTERS,
    LINE_COUNT,
    UNHINTED,
    draw_passage,
    save_passage,
)
from trailhouse.dashboards.passages.passage import Passage, PassageToken


def make_passage(*tokens: tuple[str, str | None]) -> Passage:
    drawn = tuple(
        PassageToken(position, text, category, None, None) for position, (text, category) in enumerate(tokens)
    )
    return Passage("books", 3, "name", "s/small", "paper", 10, drawn)


def list_passage(canvas):
    """The texts of a drawing below its title and its legend, in the order of drawing."""
    (start,) = [place for place, text in enumerate(canvas.texts) if "other: " in text.get_text()]
    return [text for text in canvas.texts[start + 1 :] if text.get_text() not in ("", canvas.get_supxlabel())]


def test_table_3_writes_every_token_as_its_trend_category_is_written():
    canvas = draw_passage(
        make_passage(("The", None), (" cat", "upward"), (" sat", "downward"), ("\n", None), ("on", "other"))
    )
    drawn = [(text.get_text(), text.get_color(), text.get_weight()) for text in list_passage(canvas)]
    colors = {category.name: category.color for category in CATEGORIES}
    assert drawn == [
        ("The", TEXT, "normal"),
        (" cat", colors["upward"], "bold"),
        (" sat", colors["downward"], "normal"),
        ("on", TEXT, "normal"),
    ]
    stagnated, upward, downward = canvas.artists
    assert [len(lines.get_segments()) for lines in (stagnated, upward, downward)] == [1, 2, 2]  # one is in the legend
    assert upward.get_linewidth()[0] > stagnated.get_linewidth()[0]
    assert downward.get_linestyle() != stagnated.get_linestyle()


def test_an_underline_is_as_wide_as_its_word_and_words_have_no_gaps():
    words = make_passage(("internationalis", "upward"), ("ations", "downward"), (" in", "other"), (" dates", "upward"))
    with style.context([*STYLE, UNHINTED]):
        canvas = draw_passage(words)
        canvas.set_dpi(150)
        canvas.draw_without_rendering()
        boxes = [text.get_window_extent() for text in list_passage(canvas)]
    advance = CHARACTER_INCHES * 150
    for left, right, count in zip(boxes, boxes[1:], (15, 6, 3), strict=False):
        assert right.x0 - left.x0 == pytest.approx(advance * count, abs=0.2 * advance)
        assert abs(right.x0 - left.x1) < 0.2 * advance
    _, upward, _ = canvas.artists
    ends = [segment[:, 0] * canvas.get_figwidth() for segment in upward.get_segments()[1:]]
    assert [round((end - start) / CHARACTER_INCHES) for start, end in ends] == [15, 5]


def test_table_3_breaks_long_lines_and_says_what_it_leaves_out(tmp_path):
    passage = make_passage(*[(f" {'x' * 9}", "upward")] * (LINE_CHARACTERS // 10 * (LINE_COUNT + 2)))
    canvas = draw_passage(passage)
    lengths = [len(text.get_text()) for text in list_passage(canvas)]
    assert lengths[:LINE_COUNT] == [LINE_CHARACTERS] * LINE_COUNT
    assert canvas.get_supxlabel().startswith(f"The first {LINE_COUNT} of {LINE_COUNT + 2} lines")
    files = save_passage(make_passage(("漢\x1b[31m$x$", "upward"), ("y", "other")), tmp_path)
    assert [file.suffix[1:] for file in files] == list(FORMATS)
    assert "□" in draw_passage(make_passage(("漢", None))).texts[-1].get_text()
