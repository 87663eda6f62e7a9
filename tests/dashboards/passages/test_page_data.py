"""The packed data of a page: rounding, missing scores, and a bounded size for long documents."""

import base64
import json
import zlib

import numpy as np
import pytest

from tests.dashboards.passages.histories import make_history, make_reading
from trailhouse.dashboards.passages.page_data import LARGEST_BYTES, describe_history, pack_log_probs, write_json
from trailhouse.dashboards.passages.passage_page import render_page


def unpack(packed: str, columns: int) -> np.ndarray:
    """Undo the packing by another way than the script: sums of Python integers."""
    planes = zlib.decompress(base64.b64decode(packed))
    half = len(planes) // 2
    rows, values = [], []
    for low, high in zip(planes[:half], planes[half:], strict=True):
        value = (low | high << 8) + (values[-1] if values else 0)
        values.append((value + 32768) % 65536 - 32768)
        if len(values) == columns:
            rows.append([np.nan if quanta == -32768 else quanta / 100 for quanta in values])
            values = []
    return np.array(rows)


def test_log_probabilities_are_kept_to_a_hundredth_of_a_nat():
    scores = np.array([[np.nan, -0.004, -1.236, -3.0], [-5000.0, -300.0, np.nan, 0.0]], np.float32)
    expected = [[np.nan, 0, -1.24, -3], [-327.67, -300, np.nan, 0]]
    np.testing.assert_allclose(unpack(pack_log_probs(scores, 1), 4), expected, atol=1e-9)


def test_a_random_walk_survives_the_packing():
    scores = -np.abs(np.random.default_rng(1).normal(0, 60, (50, 30))).astype(np.float32)
    np.testing.assert_allclose(unpack(pack_log_probs(scores, 1), 30), scores, atol=0.0051)


def test_fewer_checkpoints_are_kept_where_all_do_not_fit():
    reading = make_reading("s/m", [f" w{index}" for index in range(400)], range(0, 1000, 10))
    whole = describe_history(make_history(reading))
    thinned = describe_history(make_history(reading), largest_bytes=len(whole["models"][0]["logProbs"]) // 3)
    (model,) = thinned["models"]
    every = thinned["everyCheckpoint"]
    assert whole["everyCheckpoint"] == 1
    assert every > 2
    assert len(model["logProbs"]) <= len(whole["models"][0]["logProbs"]) // 3
    assert model["steps"] == sorted({*range(0, 1000, 10 * every), 990})
    kept = [index for index, step in enumerate(range(0, 1000, 10)) if step in model["steps"]]
    np.testing.assert_allclose(
        unpack(model["logProbs"], len(kept)), reading.log_probs_nats[:, kept].astype(float), atol=0.0051
    )
    assert model["perplexities"] == pytest.approx([reading.checkpoints[index].perplexity for index in kept], rel=1e-5)


@pytest.mark.parametrize("token_count", [5_000, 20_001])
def test_a_page_of_a_long_document_stays_small(token_count):
    """Three models of 150 checkpoints, each score independent of the one before: the worst that can be packed."""
    texts = [f" word{index % 900}" for index in range(token_count)]
    readings = [make_reading(f"s/{seed}", texts, range(0, 15000, 100), seed=seed) for seed in range(3)]
    page = render_page(make_history(*readings))
    assert len(page) < LARGEST_BYTES + 1_500_000


def test_no_text_can_close_the_data():
    value = {"text": "</script><!--<script>\u2028\u202e"}
    written = write_json(value)
    assert "<" not in written
    assert written.isascii()
    assert json.loads(written) == value
