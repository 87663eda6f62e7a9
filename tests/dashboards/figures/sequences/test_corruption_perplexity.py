"""Figure 5 (left) of Xia et al. 2023: perplexity of corrupted texts."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.dashboards.figures.mart_rows import MODELS, lines_of, read_caption
from tests.dashboards.figures.sequences.sequence_rows import CORRUPTIONS
from trailhouse.dashboards.figures.sequences.corruption_perplexity import draw_corruption, has_corrupted_texts


def test_each_kind_has_a_panel_with_a_line_for_each_model_that_begins_at_rate_0():
    canvas = draw_corruption(CORRUPTIONS)
    titles = [panel.get_title() for panel in canvas.axes]
    assert titles == ["Replaced tokens", "Replaced tokens, in spans", "Deleted tokens"]
    for model_id, size in MODELS.items():
        expected = [30 + 1000 * rate + size / 1000 for rate in (0, 0.2, 1)]
        assert lines_of(canvas.axes[0])[model_id] == ([0, 20, 100], pytest.approx(expected))
        assert lines_of(canvas.axes[2])[model_id] == ([0, 40], pytest.approx([expected[0], 430 + size / 1000]))
    assert lines_of(canvas.axes[1])["s/small"][1][1] == pytest.approx(234.01)
    band = canvas.axes[0].collections[0].get_paths()[0].vertices
    assert {(20.0, 225.0), (20.0, 240.0)} <= {(float(x), round(float(y), 6)) for x, y in band}


def test_a_line_shows_the_model_that_gives_every_token_the_same_probability():
    assert set(lines_of(draw_corruption(CORRUPTIONS).axes[0])["|V| = 5,000"][1]) == {5000.0}


def test_the_caption_states_the_texts_and_counts_what_is_not_shown():
    caption = read_caption(draw_corruption(CORRUPTIONS))
    assert "books: 40 documents, cut to at most 100 tokens before the corruption; 3,960 scored tokens" in caption
    assert "Not shown: corrupted corpora with other seeds or lengths (2)." in caption
    assert "95% intervals over documents" in caption


def test_models_with_another_tokenizer_are_compared_in_bits_per_byte():
    place = CORRUPTIONS.column_names.index("has_corruption_tokenizer")
    others = pa.array([model_id != "s/small" for model_id in CORRUPTIONS["model_id"].to_pylist()])
    canvas = draw_corruption(CORRUPTIONS.set_column(place, "has_corruption_tokenizer", others))
    assert canvas.get_suptitle() == "Bits per byte of corrupted texts"
    assert lines_of(canvas.axes[0])["s/small"][1] == pytest.approx([1, 1.2, 2])
    assert "|V| = 5,000" not in lines_of(canvas.axes[0])


def test_unchanged_texts_alone_are_no_figure():
    assert has_corrupted_texts(CORRUPTIONS)
    assert not has_corrupted_texts(CORRUPTIONS.filter(pc.equal(CORRUPTIONS["corruption_kind"], "none")))
    assert not has_corrupted_texts(CORRUPTIONS.slice(0, 0))
