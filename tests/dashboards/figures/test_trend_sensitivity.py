"""The figure of trend shares under conventions that vary one choice."""

import pytest

from tests.dashboards.figures.mart_rows import SENSITIVITIES, lines_of
from trailhouse.dashboards.figures.trend_sensitivity import DEFAULT, draw_trend_sensitivity
from trailhouse.dashboards.figures.trend_shares import FEW_POINTS


def test_a_column_varies_one_choice_and_a_row_shows_one_category():
    panels = draw_trend_sensitivity(SENSITIVITIES).axes
    assert [panel.get_title() for panel in panels] == ["Regressor: paper_log_step", "Start: paper_index"] * 3
    labels = [panel.get_ylabel().partition(" ")[0] for panel in panels[::2]]
    assert labels == ["Stagnated", "Upward", "Downward"]


def test_the_share_under_the_default_convention_stands_beside_the_varied_one_in_the_colour_of_the_model():
    panel = draw_trend_sensitivity(SENSITIVITIES).axes[1]
    lines = lines_of(panel)
    assert lines["s/small"] == lines["s/large"] == ([0, 10], [pytest.approx(20)] * 2)
    assert lines[DEFAULT] == ([0, 10], [pytest.approx(10), pytest.approx(11)])
    colours = {line.get_label(): line.get_color() for line in panel.get_lines()}
    defaults = {line.get_color() for line in panel.get_lines() if line.get_label() == DEFAULT}
    assert defaults == {colours["s/small"], colours["s/large"]}


def test_starts_with_few_checkpoints_are_open_markers_outside_the_lines():
    panel = draw_trend_sensitivity(SENSITIVITIES).axes[1]
    points = [line for line in panel.get_lines() if line.get_label() == FEW_POINTS]
    assert [(list(line.get_xdata()), line.get_linestyle()) for line in points] == [([20], "None")] * 2
    assert panel.get_ylim() == (0, pytest.approx(22))


def test_a_suite_without_trends_has_empty_panels():
    assert [lines_of(panel) for panel in draw_trend_sensitivity(SENSITIVITIES.slice(0, 0)).axes] == [{}, {}, {}]
