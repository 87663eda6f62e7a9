"""The heat map of the agreement of checkpoints."""

import numpy as np
import pyarrow.compute as pc
import pytest

from tests.dashboards.figures.mart_rows import read_caption
from tests.dashboards.figures.phases.phase_mart_rows import AGREEMENTS, MODELS, STEPS
from trailhouse.dashboards.figures.phases.checkpoint_agreement import FIGURE, draw_agreement

ORDERED = ("s/small", "s/middle", "s/large")


def test_every_pair_of_checkpoints_has_its_cell_and_models_are_ordered_by_size():
    panel = draw_agreement(AGREEMENTS).axes[0]
    matrix = np.asarray(panel.images[0].get_array())
    checkpoints = [(model_id, step) for model_id in ORDERED for step in STEPS]
    expected = [
        [
            1.0 if one == other else (MODELS[one[0]][1] + MODELS[other[0]][1] + one[1] + other[1]) / 10_000
            for other in checkpoints
        ]
        for one in checkpoints
    ]
    assert matrix.tolist() == [pytest.approx(row) for row in expected]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["small", "middle", "large"]
    assert panel.get_yticks().tolist() == [1.5, 5.5, 9.5]


def test_a_pair_that_was_not_compared_is_an_empty_cell():
    kept = AGREEMENTS.filter(
        pc.invert(pc.and_(pc.equal(AGREEMENTS["step"], 10), pc.equal(AGREEMENTS["other_step"], 1)))
    )
    array = draw_agreement(kept).axes[0].images[0].get_array()
    assert np.ma.getmaskarray(array).sum() == len(MODELS) ** 2


def test_the_caption_states_the_words_and_the_steps():
    caption = read_caption(draw_agreement(AGREEMENTS))
    assert "words: n = 60 words. Steps: 0 to 100." in caption


def test_a_single_checkpoint_agrees_with_itself_only_and_is_no_figure():
    assert FIGURE.is_drawable(AGREEMENTS)
    is_same = pc.and_(
        pc.equal(AGREEMENTS["model_id"], AGREEMENTS["other_model_id"]),
        pc.equal(AGREEMENTS["step"], AGREEMENTS["other_step"]),
    )
    assert not FIGURE.is_drawable(AGREEMENTS.filter(is_same))
