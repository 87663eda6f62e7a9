"""Figures drawn from rows of marts."""

import hashlib
import struct

import pyarrow as pa
import pytest

from trailhouse.dashboards.figures.figure import FORMATS, save_figure
from trailhouse.dashboards.figures.gallery import FIGURES
from trailhouse.dashboards.figures.panels import new_canvas
from trailhouse.dashboards.figures.style import assign_styles
from trailhouse.dashboards.figures.trend_shares import draw_trend_shares
from trailhouse.dashboards.figures.validation_perplexity import draw_validation_perplexity

PERPLEXITIES = pa.table(
    {
        "model_id": ["s/large"] * 3 + ["s/small"] * 3,
        "step": [0, 100, 10, 0, 10, 100],
        "parameter_count": [20] * 3 + [10] * 3,
        "train_flops_palm": [0.0, 4e9, 3e9, 0.0, 1e9, 2e9],
        "perplexity": [1000.0, 20.0, 80.0, 1000.0, 100.0, 50.0],
    }
)
SHARES = pa.Table.from_pylist(
    [
        {
            "convention_id": convention,
            "model_id": "s/small",
            "parameter_count": 10,
            "start_percent": start,
            "category": category,
            "token_share": share,
        }
        for convention, scale in (("paper", 1.0), ("ours", 0.5))
        for start in (10, 0)
        for category, share in (
            ("stagnated", 0.2 * scale),
            ("upward", 0.1 * scale),
            ("downward", 0.4 * scale),
            ("other", 0.3 * scale),
        )
    ]
)


def lines_of(panel) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()}


def test_figure_1_draws_one_line_per_model_in_order_of_compute_without_step_0():
    (panel,) = draw_validation_perplexity(PERPLEXITIES).axes
    assert lines_of(panel) == {
        "s/small": ([1e9, 2e9], [100.0, 50.0]),
        "s/large": ([3e9, 4e9], [80.0, 20.0]),
    }
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")


def test_figure_1_lists_models_by_size():
    (panel,) = draw_validation_perplexity(PERPLEXITIES).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["s/small", "s/large"]


def test_figure_2_draws_the_papers_convention_in_percent():
    stagnated, upward, downward = draw_trend_shares(SHARES).axes
    assert lines_of(stagnated) == {"s/small": ([0, 10], [20.0, 20.0])}
    assert lines_of(upward) == {"s/small": ([0, 10], [10.0, 10.0])}
    assert lines_of(downward) == {"s/small": ([0, 10], [40.0, 40.0])}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_is_written_in_every_format_and_twice_alike(figure, tmp_path):
    rows = {"fct_validation_perplexity_by_checkpoint": PERPLEXITIES, "fct_trend_share_by_start": SHARES}[figure.mart]
    digests = []
    for run in ("first", "second"):
        files = save_figure(figure, rows, tmp_path / run)
        assert [file.suffix[1:] for file in files] == list(FORMATS)
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
        assert sorted(file.name for file in (tmp_path / run).iterdir()) == sorted(file.name for file in files)
    assert digests[0] == digests[1]
    width, height = struct.unpack(">II", (tmp_path / "first" / f"{figure.name}.png").read_bytes()[16:24])
    assert width > 400
    assert height > 300


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_declares_the_columns_it_draws(figure):
    rows = {"fct_validation_perplexity_by_checkpoint": PERPLEXITIES, "fct_trend_share_by_start": SHARES}[figure.mart]
    figure.draw(rows.select(list(figure.columns)))


def test_every_series_has_a_style_of_its_own():
    styles = assign_styles(f"model {index}" for index in range(14))
    assert len(set(styles.values())) == 14


def test_a_canvas_has_the_panels_asked_for():
    assert len(new_canvas(3, "title")[1]) == 3
