"""Correlations with n-grams over training, by model and over seeds."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.dashboards.figures.mart_rows import lines_of, read_caption
from tests.dashboards.figures.phases.phase_mart_rows import CORRELATIONS, ORDERS, SEED_MEANS, correlate
from trailhouse.dashboards.figures.phases.ngram_correlations import (
    FIGURE,
    draw_correlations,
    draw_seed_means,
    has_seeds,
)
from trailhouse.dashboards.figures.phases.phase_rows import WITHOUT_WORDS


def test_each_model_has_a_panel_with_a_line_for_each_order_and_steps_are_logarithmic():
    canvas = draw_correlations(CORRELATIONS)
    assert [panel.get_title() for panel in canvas.axes] == ["small", "middle", "large"]
    for panel, model_id in zip(canvas.axes, ("s/small", "s/middle", "s/large"), strict=True):
        assert panel.get_xscale() == "log"
        for order in ORDERS:
            expected = [correlate(model_id, order, step) for step in (1, 10, 100)]
            assert lines_of(panel)[f"{order}-grams"] == ([1, 10, 100], pytest.approx(expected))


def test_bands_are_the_intervals_of_the_correlations():
    vertices = draw_correlations(CORRELATIONS).axes[0].collections[0].get_paths()[0].vertices
    value = correlate("s/small", 1, 10)
    ends = {(10.0, round(value - 0.05, 6)), (10.0, round(value + 0.04, 6))}
    assert ends <= {(float(x), round(float(y), 6)) for x, y in vertices}


def test_the_caption_states_the_words_the_n_grams_the_interval_and_what_is_not_shown():
    caption = read_caption(draw_correlations(CORRELATIONS))
    assert "words: n = 45 to 49 training words." in caption
    assert "N-grams of words counted in books, stupid backoff, by clickhouse." in caption
    assert "Fisher's 95% intervals of the correlation over words" in caption
    assert "Not shown: other n-gram models (1)." in caption


def test_published_results_have_neither_a_count_nor_intervals():
    unknown = pa.nulls(CORRELATIONS.num_rows, pa.int64())
    published = CORRELATIONS
    for name in ("unit_count", "pearson_low", "pearson_high"):
        published = published.set_column(published.column_names.index(name), name, unknown)
    caption = read_caption(draw_correlations(published))
    assert WITHOUT_WORDS in caption
    assert "Fisher" not in caption


def test_of_more_than_twelve_models_one_run_of_each_size_is_shown():
    small = CORRELATIONS.filter(pc.equal(CORRELATIONS["model_id"], "s/small"))
    place = small.column_names.index("model_id")
    seeds = [
        small.set_column(place, "model_id", pa.array([f"s/small-{seed:02}"] * small.num_rows)) for seed in range(11)
    ]
    canvas = draw_correlations(pa.concat_tables([CORRELATIONS, *seeds]))
    assert [panel.get_title() for panel in canvas.axes] == ["small", "middle", "large"]
    assert "Not shown: runs with other seeds (11)." in read_caption(canvas)


def test_runs_of_several_seeds_have_their_mean_with_its_interval_and_single_runs_are_left_out():
    canvas = draw_seed_means(SEED_MEANS)
    (panel,) = canvas.axes
    assert panel.get_title() == "gpt_neox, 10, 3 seeds"
    assert lines_of(panel)["5-grams"] == ([1, 10, 100], pytest.approx([0.501, 0.51, 0.6]))
    vertices = panel.collections[0].get_paths()[0].vertices
    assert {(10.0, 0.08), (10.0, 0.13)} <= {(float(x), round(float(y), 6)) for x, y in vertices}
    assert "95% intervals over seeds, by Student's t" in read_caption(canvas)


def test_a_figure_without_a_known_correlation_or_without_seeds_is_left_out():
    assert FIGURE.is_drawable(CORRELATIONS)
    assert not FIGURE.is_drawable(CORRELATIONS.filter(pc.equal(CORRELATIONS["step"], 0)))
    assert has_seeds(SEED_MEANS)
    assert not has_seeds(SEED_MEANS.filter(pc.equal(SEED_MEANS["seed_count"], 1)))


def test_n_grams_whose_correlations_are_not_defined_are_not_chosen():
    place = CORRELATIONS.column_names.index("pearson")
    values = [
        value if smoothing == "kneser_ney" else None
        for value, smoothing in zip(
            CORRELATIONS["pearson"].to_pylist(), CORRELATIONS["smoothing"].to_pylist(), strict=True
        )
    ]
    canvas = draw_correlations(CORRELATIONS.set_column(place, "pearson", pa.array(values)))
    canvas.draw_without_rendering()
    assert "counted in books, Kneser-Ney, by clickhouse" in read_caption(canvas)


def test_names_of_models_are_shown_as_text():
    name = "s/$x$\u202e"
    place = CORRELATIONS.column_names.index("model_id")
    canvas = draw_correlations(CORRELATIONS.set_column(place, "model_id", pa.array([name] * CORRELATIONS.num_rows)))
    assert canvas.axes[0].get_title() == "$x$\\u{202e}"
    assert canvas.axes[0].title.get_parse_math() is False
