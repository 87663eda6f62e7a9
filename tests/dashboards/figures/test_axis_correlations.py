"""The figure of the correlation of accuracy with each axis."""

import itertools

import pytest

from tests.dashboards.figures.mart_rows import CORRELATIONS, lines_of
from trailhouse.dashboards.figures.axis_correlations import AXES, draw_correlations


def test_an_axis_has_its_correlation_with_its_interval_as_a_band():
    panel = draw_correlations(CORRELATIONS, CORRELATIONS.slice(0, 0)).axes[0]
    perplexity, parameters = AXES.index("validation perplexity"), AXES.index("parameters")
    lines = lines_of(panel)
    assert lines["all checkpoints"] == ([0.95, 0.8], [perplexity, parameters])
    assert lines["within models (mean)"] == ([0.5], [perplexity])
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height() / 2) for bar in panel.patches]
    assert bars == [pytest.approx((0.75, 0.99, perplexity))] * 2


def test_the_figure_says_what_the_bands_are_and_why_there_is_none():
    text = " ".join(draw_correlations(CORRELATIONS, CORRELATIONS).get_supxlabel().split())
    assert "95% intervals of a jackknife over models" in text
    assert "3 of the 6 models" in text


def test_published_groups_stand_beside_ones_own_tasks():
    panels = draw_correlations(CORRELATIONS.slice(0, 0), CORRELATIONS).axes
    titles = [panel.get_title() for panel in panels]
    assert titles[1:] == [f"Published: {group} tasks" for group in ("all", "linearity", "breakthroughness")]
    assert [len(panel.patches) for panel in panels] == [0, 2, 2, 0]


def test_panels_stand_side_by_side_although_the_sentences_are_long():
    canvas = draw_correlations(CORRELATIONS, CORRELATIONS)
    canvas.draw_without_rendering()
    places = [panel.get_position() for panel in canvas.axes]
    assert min(place.width for place in places) > 0.1
    assert all(left.x1 < right.x0 < left.x1 + 0.1 for left, right in itertools.pairwise(places))
