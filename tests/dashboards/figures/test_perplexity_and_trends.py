"""Figures 1 and 2, numbered as in Xia et al. 2023: validation perplexity and trend shares."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from matplotlib.colors import to_rgba

from tests.dashboards.figures.mart_rows import (
    MODEL_COLORS,
    PERPLEXITIES,
    PUBLISHED_PERPLEXITIES,
    PUBLISHED_SHARES,
    SHARES,
    lines_of,
    read_caption,
    with_styles,
)
from trailhouse.dashboards.figures.trend_shares import EXPLANATION, FEW_POINTS, PERMUTED, draw_trend_shares
from trailhouse.dashboards.figures.validation_perplexity import INTERVALS, draw_validation_perplexity


def test_figure_1_draws_one_line_per_model_in_order_of_compute_without_step_0():
    (panel,) = draw_validation_perplexity(PERPLEXITIES).axes
    assert lines_of(panel) == {
        "s/small": ([1e9, 2e9], [100.0, 50.0]),
        "s/large": ([3e9, 4e9], [80.0, 20.0]),
    }
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")


def test_figure_1_shades_the_interval_of_every_checkpoint_that_has_one():
    canvas = draw_validation_perplexity(PERPLEXITIES)
    (panel,) = canvas.axes
    corners = [{tuple(point) for point in band.get_paths()[0].vertices.tolist()} for band in panel.collections]
    assert corners == [
        {(1e9, 90.0), (1e9, 110.0)},
        {(3e9, 75.0), (3e9, 85.0), (4e9, 18.0), (4e9, 22.0)},
    ]
    assert read_caption(canvas) == INTERVALS


def test_figure_1_without_intervals_has_no_band_and_does_not_speak_of_one():
    nulls = pa.nulls(PERPLEXITIES.num_rows, pa.float64())
    rows = PERPLEXITIES.set_column(PERPLEXITIES.column_names.index("perplexity_lower"), "perplexity_lower", nulls)
    canvas = draw_validation_perplexity(rows)
    assert not canvas.axes[0].collections
    assert canvas.get_supxlabel() == ""


def test_figure_1_lists_models_by_size():
    (legend,) = draw_validation_perplexity(PERPLEXITIES).legends
    assert [text.get_text() for text in legend.get_texts()] == ["s", "small", "large"]


def test_figure_2_draws_the_papers_convention_in_percent():
    stagnated, upward, downward = draw_trend_shares(SHARES).axes
    assert lines_of(stagnated)["s/small"] == ([0, 10], [20.0, 20.0])
    assert lines_of(upward)["s/small"] == ([0, 10], [10.0, 10.0])
    assert lines_of(downward)["s/small"] == ([0, 10], [40.0, 40.0])


def test_figure_2_shades_the_interval_of_a_share_and_draws_the_share_of_permuted_checkpoints():
    canvas = draw_trend_shares(SHARES)
    stagnated, *_ = canvas.axes
    assert lines_of(stagnated)[PERMUTED] == ([0, 10], [2.0, 2.0])
    interval, chance = (band.get_paths() for band in stagnated.collections)
    (path,) = interval  # the bound is missing at 10%
    assert set(map(tuple, path.vertices.tolist())) == {(0.0, 10.0), (0.0, 40.0)}
    (path,) = chance
    assert {(0.0, 1.0), (0.0, 3.0), (10.0, 1.0), (10.0, 3.0)} <= {tuple(map(round, point)) for point in path.vertices}
    assert read_caption(canvas) == EXPLANATION


def test_fits_of_few_checkpoints_are_open_markers_that_do_not_set_the_scale():
    stagnated, *_ = draw_trend_shares(SHARES).axes
    assert lines_of(stagnated)[FEW_POINTS] == ([20], [90.0])
    (points,) = [line for line in stagnated.get_lines() if line.get_label() == FEW_POINTS]
    assert (points.get_linestyle(), points.get_markerfacecolor()) == ("None", "none")
    assert points.get_color() == MODEL_COLORS["s/small"]
    assert stagnated.get_ylim() == (0, pytest.approx(22))  # the lines end at 20%
    enough = SHARES.filter(pc.invert(SHARES["has_few_points"]))
    assert FEW_POINTS not in lines_of(draw_trend_shares(enough).axes[0])


def test_a_share_near_one_hundred_percent_ends_the_axis_there():
    almost_all = with_styles(
        SHARES.drop_columns(["token_share", "model_color", "model_place"]).append_column(
            "token_share", pa.array([0.99] * SHARES.num_rows)
        )
    )
    assert {panel.get_ylim() for panel in draw_trend_shares(almost_all).axes} == {(0, 100)}


def test_published_models_are_grey_and_dashed_beside_ones_own():
    own, published = draw_validation_perplexity(PERPLEXITIES, PUBLISHED_PERPLEXITIES).axes
    assert set(lines_of(own)) == {"s/small", "s/large"}
    assert lines_of(published) == {"o/small": ([1e9, 2e9], [30.0, 20.0]), "o/large": ([3e9], [10.0])}
    stagnated, upward, downward = draw_trend_shares(SHARES, PUBLISHED_SHARES).axes
    assert lines_of(stagnated)["o/small"] == ([10, 20], [10.0, 20.0])
    assert lines_of(upward)["o/small"] == ([10], [30.0])
    assert set(lines_of(downward)) == {"s/small", FEW_POINTS, PERMUTED}
    (line,) = [line for line in stagnated.get_lines() if line.get_label() == "o/small"]
    red, green, blue, _ = to_rgba(line.get_color())
    assert red == green == blue
    assert line.get_linestyle() == "--"
