"""MAUVE and its features are those of the package mauve-text."""

import sys

import mauve
import numpy as np
import pytest
import torch
from mauve.utils import featurize_tokens_from_model

from tests.models.sequences.two_models import build_model
from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.sequences.mauve_score import compute_mauve, extract_features


def draw_features(text_count, mean, seed):
    return np.random.default_rng(seed).normal(mean, 1, (text_count, 8)).astype(np.float32)


def draw_texts(text_count, longest=24):
    generator = np.random.default_rng(7)
    lengths = generator.integers(1, longest, text_count)
    return [generator.integers(1, VOCABULARY_SIZE, length).astype(np.int32) for length in lengths]


@pytest.mark.parametrize("counts", [(60, 60), (80, 50)], ids=str)
def test_the_score_is_that_of_the_package_on_the_same_features(counts):
    generated, human = draw_features(counts[0], 0.4, 1), draw_features(counts[1], 0, 2)
    expected = mauve.compute_mauve(p_features=human, q_features=generated)
    found = compute_mauve(generated, human)
    assert found.mauve == expected.mauve
    assert 0 < found.mauve < 1
    assert (found.cluster_count, found.seed) == (expected.num_buckets, 25)
    other = compute_mauve(generated, human, cluster_count=4, seed=3)
    expected = mauve.compute_mauve(p_features=human, q_features=generated, num_buckets=4, seed=3)
    assert other.mauve == expected.mauve
    assert (other.cluster_count, other.seed) == (4, 3)


def test_texts_compared_with_themselves_have_the_score_1():
    features = draw_features(60, 0, 1)
    assert compute_mauve(features, features).mauve == pytest.approx(1, abs=1e-12)


def test_texts_that_are_farther_apart_have_a_lower_score():
    human = draw_features(100, 0, 1)
    scores = [compute_mauve(draw_features(100, mean, 2), human).mauve for mean in (0, 0.5, 2)]
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize("name", ["gpt_neox", "opt", "mamba", "rwkv"])
def test_features_are_the_last_hidden_states_that_the_package_takes(name):
    model, texts = build_model(name, 1), draw_texts(20)
    found = extract_features(model, texts)
    tokens = [torch.from_numpy(text.astype(np.int64)) for text in texts]
    expected = featurize_tokens_from_model(model.base_model, tokens, 1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_long_and_short_texts_of_a_model_that_switches_its_frequencies_share_no_batch():
    model, texts = build_model("phi3", 1), draw_texts(12)
    alone = np.concatenate([extract_features(model, [text]) for text in texts])
    np.testing.assert_allclose(extract_features(model, texts), alone, rtol=1e-4, atol=1e-5)


def test_a_text_is_cut_off_where_the_positions_of_the_model_end():
    model = build_random_model("gpt_neox")
    long = np.arange(1, 41, dtype=np.int32)
    np.testing.assert_allclose(extract_features(model, [long]), extract_features(model, [long[:32]]))


def test_a_batch_that_does_not_fit_the_memory_is_halved(monkeypatch):
    model, texts = build_random_model("gpt_neox"), draw_texts(20)
    expected = extract_features(model, texts)
    original = model.gpt_neox.forward

    def run_out(input_ids, **options):
        if len(input_ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(input_ids, **options)

    monkeypatch.setattr(model.gpt_neox, "forward", run_out)
    np.testing.assert_allclose(extract_features(model, texts), expected, rtol=1e-4, atol=1e-5)


def test_what_has_no_features_or_too_few_texts_is_refused():
    model = build_random_model("gpt_neox")
    with pytest.raises(BadInputError, match="has no tokens"):
        extract_features(model, [np.array([1], np.int32), np.array([], np.int32)])
    with torch.no_grad():
        model.gpt_neox.embed_in.weight[3] = float("nan")
    with pytest.raises(BadInputError, match="not finite"):
        extract_features(model, [np.array([3], np.int32)])
    with pytest.raises(BadInputError, match="2 clusters needs as many texts of each kind, and there are 1 generated"):
        compute_mauve(draw_features(1, 0, 1), draw_features(9, 0, 1))


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mauve", None)
    with pytest.raises(UsageError, match=r"install trailhouse\[mauve\]"):
        compute_mauve(draw_features(20, 0, 1), draw_features(20, 0, 2))
