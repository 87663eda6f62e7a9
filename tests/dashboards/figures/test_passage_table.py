"""The drawing that corresponds to Table 3 of Xia et al. 2023: a passage with its tokens coloured by trend."""

from trailhouse.dashboards.figures.figure import FORMATS
from trailhouse.dashboards.figures.passage_table import LINE_CHARACTERS, LINE_COUNT, draw_passage, save_passage
from trailhouse.dashboards.passages.passage import Passage, PassageToken


def make_passage(*tokens: tuple[str, str | None]) -> Passage:
    drawn = tuple(
        PassageToken(position, text, category, None, None) for position, (text, category) in enumerate(tokens)
    )
    return Passage("books", 3, "name", "s/small", "paper", 10, drawn)


def test_table_3_colours_every_token_by_its_trend():
    canvas = draw_passage(
        make_passage(("The", None), (" cat", "upward"), (" sat", "downward"), ("\n", None), ("on", "other"))
    )
    drawn = [(text.get_text(), text.get_color()) for text in canvas.texts[6:]]
    assert drawn == [("The", "#000000"), (" cat", "#D55E00"), (" sat", "#009E73"), ("on", "#000000")]


def test_table_3_breaks_long_lines_and_says_what_it_leaves_out(tmp_path):
    passage = make_passage(*[(f" {'x' * 9}", "upward")] * (LINE_CHARACTERS // 10 * (LINE_COUNT + 2)))
    canvas = draw_passage(passage)
    lengths = [len(text.get_text()) for text in canvas.texts[6:]]
    assert lengths[:LINE_COUNT] == [LINE_CHARACTERS] * LINE_COUNT
    assert canvas.get_supxlabel().startswith(f"The first {LINE_COUNT} of {LINE_COUNT + 2} lines")
    files = save_passage(make_passage(("漢\x1b[31m$x$", "upward"), ("y", "other")), tmp_path)
    assert [file.suffix[1:] for file in files] == list(FORMATS)
    assert "□" in draw_passage(make_passage(("漢", None))).texts[-1].get_text()
