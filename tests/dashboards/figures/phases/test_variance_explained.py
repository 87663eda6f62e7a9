"""R-squared with the share of each predictor, and the coefficients, over training."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.dashboards.figures.mart_rows import lines_of, read_caption
from tests.dashboards.figures.phases.phase_mart_rows import REGRESSIONS
from trailhouse.dashboards.figures.phases.variance_explained import (
    AREAS,
    COEFFICIENT_FIGURE,
    FIGURE,
    SHARES,
    draw_coefficients,
    draw_r_squared,
)


def test_r_squared_of_the_unweighted_similarity_is_drawn_with_areas_that_add_up_to_it():
    canvas = draw_r_squared(REGRESSIONS)
    assert [panel.get_title() for panel in canvas.axes] == ["small", "middle", "large"]
    lines = lines_of(canvas.axes[0])
    assert lines["R², training words"] == ([1, 10, 100], pytest.approx([0.501, 0.51, 0.6]))
    assert lines["R², validation words"] == ([1, 10, 100], pytest.approx([0.401, 0.41, 0.5]))
    tops = [
        max(float(y) for x, y in np.asarray(area.get_paths()[0].vertices) if x == 100)
        for area in canvas.axes[0].collections
    ]
    assert tops == pytest.approx([0.3, 0.5, 0.6])
    caption = read_caption(canvas)
    assert "words: n = 40 training words. n = 20 validation words." in caption
    assert "on similarity by the vectors vectors, contexts weighted equally" in caption
    assert "Not shown: regressions on other predictors (1)." in caption


def test_coefficients_are_drawn_with_their_standard_errors():
    canvas = draw_coefficients(REGRESSIONS)
    assert lines_of(canvas.axes[0])["5-grams"] == ([1, 10, 100], pytest.approx([0.302, 0.32, 0.5]))
    bars = [bar for bars in canvas.axes[0].collections for bar in bars.get_segments()]
    lengths = {round(float(high[1] - low[1]), 6) for low, high in bars}
    assert lengths == {0.02, 0.04, 0.06}
    assert "one standard error" in read_caption(canvas)


def test_published_regressions_have_no_areas_and_no_coefficients():
    published = REGRESSIONS
    for name in (*SHARES, "unigram_coefficient"):
        place = published.column_names.index(name)
        published = published.set_column(place, name, pa.nulls(REGRESSIONS.num_rows, pa.float64()))
    assert FIGURE.is_drawable(published)
    assert not COEFFICIENT_FIGURE.is_drawable(published)
    canvas = draw_r_squared(published)
    assert len(canvas.axes[0].collections) == 0
    assert AREAS not in read_caption(canvas)


def test_a_suite_without_regressions_has_neither_figure():
    unknown = pa.nulls(REGRESSIONS.num_rows, pa.float64())
    place = REGRESSIONS.column_names.index("r_squared_train")
    assert not FIGURE.is_drawable(REGRESSIONS.set_column(place, "r_squared_train", unknown))
    assert not COEFFICIENT_FIGURE.is_drawable(REGRESSIONS.filter(pc.equal(REGRESSIONS["step"], 0)))
