"""Every figure: its files, its declared columns, its caveats, and the page of all figures."""

import re
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from matplotlib import style
from matplotlib.figure import Figure as Canvas
from pyarrow import csv

from tests.dashboards.figures.mart_rows import MARTS as OTHER_MARTS
from tests.dashboards.figures.mart_rows import PERPLEXITIES, with_styles
from tests.dashboards.figures.phases.phase_mart_rows import PHASE_MARTS
from tests.dashboards.figures.sequences.sequence_rows import SEQUENCE_MARTS
from trailhouse.dashboards.figures.figure import FORMATS, Figure, add_notes, arrange_panels, save_canvas, save_figure
from trailhouse.dashboards.figures.gallery import FIGURES
from trailhouse.dashboards.figures.gallery_page import save_rows, write_gallery
from trailhouse.dashboards.figures.line_styles import STYLE

MARTS = OTHER_MARTS | SEQUENCE_MARTS | PHASE_MARTS


def test_caveats_are_written_below_a_figure(tmp_path):
    for figure in FIGURES[:2]:
        (_, svg, _) = save_figure(figure, tmp_path, *read_tables(figure), notes=["small: only $one$ left"])
        assert "small: only $one$ left" in svg.read_text()


def read_tables(figure: Figure) -> list[pa.Table]:
    """The rows of a figure's mart and of its companions."""
    return [MARTS[part.mart] for part in (figure, *figure.companions)]


def test_caveats_follow_what_a_figure_says_about_its_bands():
    canvas = Canvas()
    add_notes(canvas, ["Bands: 95% intervals."])
    add_notes(canvas, [])
    add_notes(canvas, ["small: few steps"])
    assert canvas.get_supxlabel() == "Bands: 95% intervals.\nsmall: few steps"


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_is_written_in_every_format(figure, tmp_path):
    files = save_figure(figure, tmp_path, *read_tables(figure))
    assert [file.suffix[1:] for file in files] == list(FORMATS)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in files)
    width, height = struct.unpack(">II", (tmp_path / f"{figure.name}.png").read_bytes()[16:24])
    assert width > 400
    assert height > 300


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_equal_marts_give_an_equal_drawing(figure, tmp_path):
    first, second = (draw_and_save(figure, tmp_path / f"{run}.svg") for run in range(2))
    assert first == second


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_equal_drawing_gives_an_equal_file_in_every_format(file_format, tmp_path):
    first, second = (draw_and_save(FIGURES[0], tmp_path / f"{run}.{file_format}") for run in range(2))
    assert first == second


def draw_and_save(figure: Figure, file: Path) -> bytes:
    """Draw a figure, write it in the format of the file's name, and return what was written."""
    with style.context(STYLE):
        canvas = figure.draw(*read_tables(figure))
        return save_canvas(canvas, arrange_panels(canvas), file, file.suffix[1:]).read_bytes()


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_declares_the_columns_it_draws(figure):
    figure.draw(*(with_styles(MARTS[part.mart].select(list(part.columns))) for part in (figure, *figure.companions)))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_suite_without_known_compute_is_drawn(figure):
    rows = MARTS[figure.mart]
    if "train_flops_palm" in rows.column_names:
        place = rows.column_names.index("train_flops_palm")
        rows = rows.set_column(place, "train_flops_palm", pa.array([0.0] * rows.num_rows))
    companions = [MARTS[companion.mart].slice(0, 0) for companion in figure.companions]
    if not figure.is_drawable(rows, *companions):
        companions = read_tables(figure)[1:]
    canvas = figure.draw(rows, *companions)
    canvas.draw_without_rendering()  # scales and ticks are computed here, where an axis without values would fail
    assert len(canvas.axes) > 0


def test_the_page_shows_every_figure_with_its_source_and_links_to_files_that_are_there(tmp_path):
    shown = [figure for figure in FIGURES if figure.name.startswith("figure_01")]
    for figure in shown:
        save_figure(figure, tmp_path, PERPLEXITIES)
        save_rows(PERPLEXITIES, tmp_path, figure.name)
    (tmp_path / "table_03.html").touch()
    samples, tables = {"tokens": "<s>; 9 tokens."}, {"table_03.html": "A <passage>"}
    text = write_gallery(shown, tmp_path, "<s>", "c", samples, tables).read_text()
    assert "<h1>Figures of &lt;s&gt; on c</h1>" in text
    assert "&lt;s&gt;; 9 tokens. After Xia et al. 2023, Figure 1" in text
    links = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert len(links) == len(FORMATS) + 3
    assert '<a href="table_03.html">A &lt;passage&gt;</a>' in text
    assert all((tmp_path / link).is_file() for link in links)


def test_the_numbers_behind_a_figure_read_back_as_they_were(tmp_path):
    assert csv.read_csv(save_rows(PERPLEXITIES, tmp_path, "a")).to_pylist() == PERPLEXITIES.to_pylist()
