"""Figure 13 and table 4 of Xia et al. 2023: the quality of generated texts."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.dashboards.figures.mart_rows import read_caption
from tests.dashboards.figures.sequences.sequence_rows import CUSTOM, GENERATIONS, QUALITY
from trailhouse.dashboards.figures.sequences.generation_quality import FIGURE, TABLE

OF_SUITE = GENERATIONS.filter(pc.equal(GENERATIONS["small_suite_id"], "s"))


def test_figure_13_has_a_panel_for_each_length_and_a_bar_for_each_generation_with_mauve():
    canvas = FIGURE.draw(QUALITY, OF_SUITE)
    assert [panel.get_title() for panel in canvas.axes] == ["50 tokens", "100 tokens", "500 tokens"]
    heights = [[bar.get_height() for bar in panel.patches] for panel in canvas.axes]
    assert heights == [pytest.approx([0.05, 0.15, 0.1]), [0.3], pytest.approx([0.35, 0.4])]
    names = [label.get_text() for label in canvas.axes[0].get_xticklabels()]
    assert names == ["$p_s - p_l$", CUSTOM.replace("$", r"\$")]
    places = {bar.get_height(): bar.get_x() + bar.get_width() / 2 for bar in canvas.axes[0].patches}
    assert [round(places[height]) for height in (0.05, 0.1, 0.15)] == [0, 0, 1]
    assert 'Settings of MAUVE: {"seed": 1}.' in read_caption(canvas)
    assert "Not shown: generations with other checkpoints, prompts or seeds (2)." in read_caption(canvas)


def test_without_mauve_there_is_no_figure_and_the_table_leaves_it_out():
    place = QUALITY.column_names.index("mauve")
    rows = QUALITY.set_column(place, "mauve", pa.array([None] * QUALITY.num_rows, pa.float64()))
    assert FIGURE.is_drawable(QUALITY, OF_SUITE)
    assert not FIGURE.is_drawable(rows, OF_SUITE)
    assert not FIGURE.is_drawable(rows.slice(0, 0))
    assert TABLE.is_drawable(rows, OF_SUITE)
    assert not TABLE.is_drawable(rows, OF_SUITE.slice(0, 0))
    assert "MAUVE</th>" in TABLE.render(QUALITY, OF_SUITE)
    assert "MAUVE</th>" not in TABLE.render(rows, OF_SUITE)


def read_cells(page: str) -> list[list[str]]:
    """The cells of every row of an HTML table."""
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]


def test_table_4_has_a_row_for_each_generation_of_the_suite_by_length_sampling_and_configuration():
    header, *rows = read_cells(TABLE.render(QUALITY, OF_SUITE))
    assert header[:5] == ["Configuration", "Sampling", "p_l", "New tokens", "Seed"]
    assert header[5:] == [
        "MAUVE",
        *(f"Distinct-{n}" for n in (1, 2, 3, 4)),
        "Repetition",
        "Fallbacks",
    ]
    assert len(rows) == OF_SUITE.num_rows
    assert rows[0] == [
        "p<sub>s</sub> \N{MINUS SIGN} p<sub>l</sub>",
        "greedy",
        "s/large step 20",
        "50",
        "0",
        "0.050",
        "0.110",
        "0.210",
        "0.310",
        "0.410",
        "51.0 %",
        "1.6 %",
    ]
    assert [row[1] for row in rows] == 4 * ["greedy"] + 2 * ["nucleus 0.9"] + 3 * ["greedy"]
    assert rows[2][5] == ""  # MAUVE of generation a is not known
    assert "Self-BLEU" not in header


def test_columns_about_the_generations_are_left_out_if_all_are_alike():
    header, _ = read_cells(TABLE.render(QUALITY, GENERATIONS.slice(0, 1)))
    assert header[:3] == ["Configuration", "Sampling", "Distinct-1"]
