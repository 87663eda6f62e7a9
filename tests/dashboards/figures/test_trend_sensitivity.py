"""The figure of trend shares under conventions that vary one choice."""

import pytest

from tests.dashboards.figures.mart_rows import SENSITIVITIES, lines_of
from trailhouse.dashboards.figures.trend_sensitivity import DEFAULT, draw_trend_sensitivity


def test_a_column_varies_one_choice_and_a_row_shows_one_category():
    panels = draw_trend_sensitivity(SENSITIVITIES).axes
    assert [panel.get_title() for panel in panels] == ["regressor (paper_log_step)", "start (paper_index)"] * 3
    labels = [panel.get_ylabel().partition(" ")[0] for panel in panels]
    assert labels == ["Stagnated", "Stagnated", "Upward", "Upward", "Downward", "Downward"]


def test_the_share_under_the_default_convention_stands_beside_the_varied_one_in_the_colour_of_the_model():
    panel = draw_trend_sensitivity(SENSITIVITIES).axes[1]
    lines = lines_of(panel)
    assert lines["s/small"] == lines["s/large"] == ([0, 10], [pytest.approx(20)] * 2)
    assert lines[DEFAULT] == ([0, 10], [pytest.approx(10), pytest.approx(11)])
    colours = {line.get_label(): line.get_color() for line in panel.get_lines()}
    defaults = {line.get_color() for line in panel.get_lines() if line.get_label() == DEFAULT}
    assert defaults == {colours["s/small"], colours["s/large"]}


def test_a_suite_without_trends_has_empty_panels():
    assert [lines_of(panel) for panel in draw_trend_sensitivity(SENSITIVITIES.slice(0, 0)).axes] == [{}, {}, {}]
