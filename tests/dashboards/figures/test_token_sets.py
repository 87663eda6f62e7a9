"""Figures 3, 4 and 10 to 12, numbered as in Xia et al. 2023: token sets."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from matplotlib.colors import to_rgb

from tests.dashboards.figures.mart_rows import (
    CATEGORY_OFFSETS,
    MODEL_COLORS,
    PUBLISHED_SETS,
    TOKEN_SETS,
    lines_of,
    read_caption,
)
from trailhouse.dashboards.figures.token_sets import (
    draw_against_validation,
    draw_stagnated,
    draw_upward,
    draw_upward_sets,
    find_start,
)

BANDS = ("perplexity_lower", "perplexity_upper", "random_perplexity_lower", "random_perplexity_upper")


@pytest.mark.parametrize(("draw", "category"), [(draw_stagnated, "stagnated"), (draw_upward, "upward")])
def test_figures_3_and_4_follow_own_sets_and_those_of_the_smallest_and_largest_model(draw, category):
    canvas = draw(TOKEN_SETS, PUBLISHED_SETS)
    own, smallest, largest, published = canvas.axes
    for panel in (own, smallest, largest):
        assert list(lines_of(panel)) == ["s/small", "s/middle", "s/large"]
    offset = CATEGORY_OFFSETS[category]
    assert lines_of(own)["s/small"] == ([600.0, 1200.0], pytest.approx([40.01 + offset, 30.01 + offset]))
    assert lines_of(own)["s/large"] == ([180000.0, 360000.0], pytest.approx([43 + offset, 33 + offset]))
    assert lines_of(smallest)["s/large"][1] == pytest.approx([44.1 + offset, 34.1 + offset])
    assert lines_of(largest)["s/small"][1] == pytest.approx([71.01 + offset, 61.01 + offset])
    assert smallest.get_title() == "Set of small (4.1%)"
    assert largest.get_title() == "Set of large (8.3%)"
    assert category in canvas.get_suptitle()
    assert lines_of(published) == {"o/large": ([3e9], [2.0 if category == "stagnated" else 9.0])}
    assert published.get_title() == "Published: set of small, after 20%"


def test_random_sets_of_the_same_size_are_shaded_for_every_model():
    own, smallest, _, _ = draw_stagnated(TOKEN_SETS, PUBLISHED_SETS).axes
    assert len(own.collections) == 3  # the intervals of the models
    assert len(smallest.collections) == 3 + 3
    colours = [tuple(band.get_edgecolor()[0][:3]) for band in smallest.collections[3:]]
    assert colours == [to_rgb(MODEL_COLORS[model]) for model in ("s/small", "s/middle", "s/large")]
    heights = np.asarray(smallest.collections[3].get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == (36 - 20, 56 - 10)  # at steps 20 and 10; step 0 has no logarithm


def test_intervals_over_documents_are_bands_and_the_caption_says_so():
    canvas = draw_stagnated(TOKEN_SETS, PUBLISHED_SETS)
    heights = np.asarray(canvas.axes[0].collections[0].get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == (45 - 20, 55 - 10)
    assert "Bands: 95% intervals over documents. Hatched: 95% of random token sets" in read_caption(canvas)


@pytest.mark.parametrize(
    ("canvas", "choice"),
    [
        (draw_stagnated(TOKEN_SETS, PUBLISHED_SETS), "stagnated: tokens whose perplexity has no significant trend"),
        (draw_upward(TOKEN_SETS, PUBLISHED_SETS), "from 10% of training on in the model that the title names (upward"),
        (draw_upward_sets(TOKEN_SETS), "from the stated start on in the model that the title names (upward"),
        (draw_against_validation(TOKEN_SETS), "downward: tokens whose perplexity falls"),
    ],
    ids=["3", "4", "11", "12"],
)
def test_the_caption_says_that_the_trend_of_a_set_is_due_to_its_choice(canvas, choice):
    assert choice in read_caption(canvas)
    assert "In this model the trend is therefore due to the choice" in read_caption(canvas)


def test_figure_11_shows_the_sets_of_the_models_between_smallest_and_largest_after_two_starts():
    panels = draw_upward_sets(TOKEN_SETS).axes
    titles = [panel.get_title() for panel in panels]
    early, late = (lines_of(panel)["s/middle"][1] for panel in panels)
    assert (early, late) == (pytest.approx([42.2, 32.2]), pytest.approx([42.9, 32.9]))
    assert titles == [f"Set of middle (6.2%)\nafter {start}% of training" for start in (10, 40)]


def test_figure_12_runs_towards_lower_validation_perplexity():
    panels = draw_against_validation(TOKEN_SETS).axes
    assert len(panels) == 6
    for panel in panels:
        left, right = panel.get_xlim()
        assert left > right
        assert sorted(lines_of(panel)["s/large"][0]) == [80.0, 90.0, 100.0]


def test_a_set_without_tokens_says_so_and_a_single_model_is_drawn():
    single = TOKEN_SETS.filter(
        pc.and_(pc.equal(TOKEN_SETS["model_id"], "s/small"), pc.equal(TOKEN_SETS["set_model_id"], "s/small"))
    )
    lacking = single.filter(pc.not_equal(single["category"], "stagnated"))
    panels = draw_stagnated(lacking, PUBLISHED_SETS).axes
    assert [panel.texts[0].get_text() for panel in panels[:1]] == ["no such tokens"]
    assert len(panels) == 2
    assert len(draw_upward_sets(single).axes) == 2


def test_a_set_at_step_0_alone_is_told_from_one_without_tokens():
    untrained = TOKEN_SETS.filter(pc.equal(TOKEN_SETS["step"], 0))
    panels = draw_stagnated(untrained, PUBLISHED_SETS).axes
    assert [panel.texts[0].get_text() for panel in panels[:3]] == ["only step 0, or no known compute"] * 3


def test_sets_of_one_model_at_another_start_are_drawn_as_a_published_suite_has_them():
    kept = pc.and_(pc.equal(TOKEN_SETS["set_model_id"], "s/middle"), pc.equal(TOKEN_SETS["start_percent"], 40))
    sets = TOKEN_SETS.filter(pc.and_(kept, pc.is_in(TOKEN_SETS["category"], pa.array(["stagnated", "upward"]))))
    for name in ("token_share", *BANDS):
        sets = sets.set_column(sets.column_names.index(name), name, pa.nulls(sets.num_rows, pa.float64()))
    (panel,) = draw_upward(sets, PUBLISHED_SETS.slice(0, 0)).axes
    assert (panel.get_title(), list(lines_of(panel))) == ("Set of middle", ["s/small", "s/middle", "s/large"])
    titles = [panel.get_title() for panel in draw_against_validation(sets).axes]
    assert titles == ["Set of middle: stagnated", "Set of middle: upward"]


@pytest.mark.parametrize(("starts", "wanted", "found"), [([0, 10, 40], 10, 10), ([20, 40], 10, 20), ([0, 5], 10, 10)])
def test_a_start_without_sets_is_replaced_by_the_next_later_one(starts, wanted, found):
    assert find_start(pa.table({"start_percent": starts}), wanted) == found
