"""Onset and peak of each order of n-grams, and whether the peaks come in order."""

import pyarrow as pa

from tests.dashboards.figures.mart_rows import read_caption
from tests.dashboards.figures.phases.phase_mart_rows import PEAKS, VERDICTS
from trailhouse.dashboards.figures.phases.phase_ladder import FIGURE, TOLERANCE, draw_ladder


def points_of(panel, label: str) -> set[tuple[float, float]]:
    """Return the points of a panel with a label."""
    found = [line for line in panel.get_lines() if line.get_label() == label]
    return {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in found}


def bars_of(panel) -> set[tuple[float, float]]:
    """Return the ends of the thick bars of a panel."""
    return {
        (float(line.get_xdata()[0]), float(line.get_xdata()[1]))
        for line in panel.get_lines()
        if line.get_linewidth() > 2
    }


def test_each_order_has_its_onset_and_its_peak_with_their_intervals():
    panel = draw_ladder(PEAKS, VERDICTS).axes[0]
    assert points_of(panel, "onset") == {(3, 2), (6, 5)}
    assert points_of(panel, "peak") == {(10, 1), (20, 2), (50, 5)}
    assert bars_of(panel) == {(9, 12), (18, 24), (45, 60), (2, 4), (5, 7)}


def test_the_verdict_on_the_shown_n_grams_stands_above_each_model_and_in_the_caption():
    canvas = draw_ladder(PEAKS, VERDICTS)
    assert [panel.get_title() for panel in canvas.axes] == [
        f"{name}\nin order (97%)" for name in ("small", "middle", "large")
    ]
    caption = read_caption(canvas)
    assert "The peaks come in the order of n in 3 of 3 models and not in 0; of 0 it cannot be told." in caption
    assert "95% intervals of a bootstrap over documents" in caption


def test_published_peaks_have_the_checkpoints_within_the_tolerance_in_place_of_intervals():
    place = PEAKS.column_names.index("is_published")
    published = PEAKS.set_column(place, "is_published", pa.array([True] * PEAKS.num_rows))
    for name in ("peak_step_low", "peak_step_high", "onset_step_low", "onset_step_high"):
        published = published.set_column(published.column_names.index(name), name, pa.nulls(PEAKS.num_rows, pa.int64()))
    canvas = draw_ladder(published, VERDICTS)
    assert bars_of(canvas.axes[0]) == {(8, 13), (16, 26), (40, 65)}
    assert TOLERANCE in read_caption(canvas)


def test_models_without_a_verdict_are_drawn():
    canvas = draw_ladder(PEAKS, VERDICTS.slice(0, 0))
    assert [panel.get_title() for panel in canvas.axes] == ["small", "middle", "large"]


def test_peaks_at_step_0_have_no_place_on_the_axis():
    place = PEAKS.column_names.index("peak_step")
    at_start = PEAKS.set_column(place, "peak_step", pa.array([0] * PEAKS.num_rows))
    assert FIGURE.is_drawable(PEAKS, VERDICTS)
    assert not FIGURE.is_drawable(at_start, VERDICTS)
