"""The next token's distribution is that of the equations over the whole vocabulary, and close choices are found."""

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import TopPLogitsWarper

from tests.models.sequences.two_models import draw_logits, interpolate, softmax
from trailhouse.models.sequences.decoding.configuration import PRESETS, Decoding, Sampling
from trailhouse.models.sequences.decoding.gumbel_noise import draw_gumbel
from trailhouse.models.sequences.decoding.next_token import (
    Prediction,
    choose_next_tokens,
    choose_tokens,
    weigh_tokens,
)

VOCABULARY_SIZE = 500
PAIRS = [tuple(pair) for pair in np.random.default_rng(4).uniform(-1, 1, (60, 2)).round(3) if pair.max() > 0]
CORNERS = [(1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (0.001, -1), (1e-3, 1e-3)]


def weigh(small, large, decoding, vocabulary_size=VOCABULARY_SIZE, **options):
    return weigh_tokens(Prediction(small), Prediction(large), decoding, vocabulary_size, **options)


def distribution(weights):
    return (weights.values / weights.totals).numpy()


@pytest.mark.parametrize("pair", [*CORNERS, *PAIRS], ids=str)
def test_interpolated_distributions_are_those_of_equations_2_and_3(pair):
    small, large = draw_logits(6, VOCABULARY_SIZE, 1), draw_logits(6, VOCABULARY_SIZE, 2)
    expected = interpolate(small.numpy(), large.numpy(), *pair)
    found = distribution(weigh(small, large, Decoding("interpolated", *pair)))
    # p' of a token may be a small difference of two probabilities, so its error is one of these probabilities
    scale = (abs(pair[0]) * softmax(small.double().numpy()) + abs(pair[1]) * softmax(large.double().numpy())) / (
        np.maximum(pair[0] * softmax(small.double().numpy()) + pair[1] * softmax(large.double().numpy()), 0)
    ).sum(-1, keepdims=True)
    assert (np.abs(found - expected) <= 1e-6 * scale + 1e-6 * expected).all()
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)


def test_the_large_model_alone_has_exactly_its_softmax():
    small, large = draw_logits(6, VOCABULARY_SIZE, 1), draw_logits(6, VOCABULARY_SIZE, 2)
    assert np.array_equal(distribution(weigh(small, large, PRESETS["pl"])), large.softmax(-1).numpy())
    assert np.array_equal(distribution(weigh(small, large, PRESETS["ps"])), small.softmax(-1).numpy())


def test_contrastive_distributions_are_those_of_a_loop_over_the_tokens():
    small, large = draw_logits(6, VOCABULARY_SIZE, 1), draw_logits(6, VOCABULARY_SIZE, 2)
    for plausibility in (0.01, 0.1, 0.5):
        found = distribution(weigh(small, large, Decoding("contrastive", -1, 1, plausibility)))
        for row in range(6):
            p_s, p_l = softmax(small[row].double().numpy()), softmax(large[row].double().numpy())
            ratios = [p_l[token] / p_s[token] if p_l[token] >= plausibility * max(p_l) else 0.0 for token in range(500)]
            np.testing.assert_allclose(found[row], np.array(ratios) / sum(ratios), rtol=1e-5)


def test_tokens_that_the_tokenizer_lacks_get_no_weight_and_models_may_differ_in_their_number():
    small, large = draw_logits(3, 512, 1), draw_logits(3, 640, 2)
    for decoding in PRESETS.values():
        found = distribution(weigh(small, large, decoding))
        assert found.shape == (3, VOCABULARY_SIZE)
        np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    found = distribution(weigh(small, large, PRESETS["ps-pl"]))
    p_s, p_l = softmax(small.double().numpy()), softmax(large.double().numpy())
    positive = np.maximum(p_s[:, :VOCABULARY_SIZE] - p_l[:, :VOCABULARY_SIZE], 0)
    np.testing.assert_allclose(found, positive / positive.sum(-1, keepdims=True), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.99, 1.0])
def test_the_nucleus_is_that_of_transformers_for_any_distribution(top_p):
    prompt_ids = torch.arange(40)
    small, large = draw_logits(40, VOCABULARY_SIZE, 1), draw_logits(40, VOCABULARY_SIZE, 2)
    token_ids = torch.arange(VOCABULARY_SIZE).expand(40, -1)
    for seed, decoding in enumerate(PRESETS.values()):
        weights = weigh(small, large, decoding)
        scores = (weights.values / weights.totals).log()
        if top_p < 1:
            scores = TopPLogitsWarper(top_p)(None, scores)
        expected = (scores + draw_gumbel(seed, prompt_ids, 9, token_ids)).argmax(-1)
        found = choose_tokens(weights, Sampling("nucleus", top_p, seed), prompt_ids, 9).token_ids
        assert found.tolist() == expected.tolist()


def test_sampled_tokens_are_as_frequent_as_their_probabilities_in_the_nucleus():
    generator = torch.Generator().manual_seed(8)
    small, large = 1.5 * torch.randn(2, 1, 12, generator=generator)
    prompt_count = 40_000
    for decoding in PRESETS.values():
        expected = weigh(small, large, decoding, 12)
        probabilities = (expected.values / expected.totals)[0].double().numpy()
        order = np.argsort(-probabilities)
        size = int(np.searchsorted(np.cumsum(probabilities[order]), 0.8)) + 1
        nucleus = order[:size]
        weights = weigh(small.expand(prompt_count, -1), large.expand(prompt_count, -1), decoding, 12)
        found = choose_tokens(weights, Sampling("nucleus", 0.8, 1), torch.arange(prompt_count), 0).token_ids.numpy()
        assert set(np.unique(found)) == set(nucleus.tolist())
        counts = np.bincount(found, minlength=12)[nucleus]
        share = probabilities[nucleus] / probabilities[nucleus].sum()
        if size > 1:
            assert stats.chisquare(counts, share * prompt_count).pvalue > 0.001, decoding.name


@pytest.mark.parametrize("sampling", [Sampling("greedy"), Sampling("nucleus")], ids=lambda sampling: sampling.name)
def test_without_probability_mass_the_favoured_models_best_token_is_taken_and_marked(sampling):
    logits = draw_logits(4, VOCABULARY_SIZE, 1)
    for name in ("ps-pl", "pl-ps"):
        choice = choose_tokens(weigh(logits, logits, PRESETS[name]), sampling, torch.arange(4), 0)
        assert choice.token_ids.tolist() == logits.argmax(-1).tolist()
        assert choice.is_fallback.all()
    # the small model is favoured; where it has tokens of its own, there is mass
    other = draw_logits(4, VOCABULARY_SIZE, 2)
    small, large = torch.cat([logits, logits]), torch.cat([logits, other])
    choice = choose_tokens(weigh(small, large, PRESETS["ps-pl"]), sampling, torch.arange(8), 0)
    assert choice.is_fallback.tolist() == [True] * 4 + [False] * 4
    weaker = choose_tokens(weigh(logits, logits + 1, Decoding("interpolated", 0.5, -1)), sampling, torch.arange(4), 0)
    assert weaker.token_ids.tolist() == logits.argmax(-1).tolist()
    assert weaker.is_fallback.all()


@pytest.mark.parametrize("decoding", [*PRESETS.values(), Decoding("interpolated", 0.3, -0.2)], ids=lambda one: one.name)
@pytest.mark.parametrize("sampling", [Sampling("greedy"), Sampling("nucleus", 0.9)], ids=lambda one: one.name)
def test_a_choice_that_is_not_close_survives_every_error_within_the_tolerance(decoding, sampling):
    tolerance_nats, prompt_count = 0.02, 300
    prompt_ids = torch.arange(prompt_count)
    generator = torch.Generator().manual_seed(3)
    small, large = 2 * torch.randn(2, prompt_count, VOCABULARY_SIZE, generator=generator)
    weights = weigh(small, large, decoding, tolerance_nats=tolerance_nats)
    choice = choose_tokens(weights, sampling, prompt_ids, 0)
    changed_count = 0
    for _ in range(40):
        # log-probabilities change by at most the tolerance: the normaliser changes by at most half of it
        errors = (torch.rand(2, prompt_count, VOCABULARY_SIZE, generator=generator) - 0.5) * tolerance_nats
        errors = errors.sign() * 0.5 * tolerance_nats
        other = choose_tokens(weigh(small + errors[0], large + errors[1], decoding), sampling, prompt_ids, 0)
        is_changed = other.token_ids != choice.token_ids
        assert not (is_changed & ~choice.is_close).any()
        changed_count += int(is_changed.sum())
    assert changed_count > 0, "no error changed a choice, so the test proves nothing"
    assert choice.is_close.float().mean() < 0.5


@pytest.mark.parametrize("tolerance_nats", [0.0, 1e-4, 1e-2])
@pytest.mark.parametrize("pair", [*CORNERS, *PAIRS[:20]], ids=str)
def test_the_fast_greedy_choice_is_that_of_the_bounds_of_all_tokens(pair, tolerance_nats):
    prompt_ids, decoding, greedy = torch.arange(200), Decoding("interpolated", *pair), Sampling("greedy")
    small = Prediction(draw_logits(200, VOCABULARY_SIZE, 1))
    # Some texts have nearly the same predictions, so that their weights are nearly 0, and some have two equal logits
    logits = draw_logits(200, VOCABULARY_SIZE, 2)
    logits[:60] = small.logits[:60] + 1e-3 * logits[:60] * (torch.arange(60)[:, None] % 3)
    logits[60:80, :2] = small.logits[60:80, :2] = 9.0
    small, large = Prediction(small.logits), Prediction(logits)
    weights = weigh_tokens(small, large, decoding, VOCABULARY_SIZE, tolerance_nats)
    expected = choose_tokens(weights, greedy, prompt_ids, 3)
    found = choose_next_tokens(small, large, decoding, greedy, VOCABULARY_SIZE, prompt_ids, 3, tolerance_nats)
    assert found.token_ids.tolist() == expected.token_ids.tolist()
    assert found.is_fallback.tolist() == expected.is_fallback.tolist()
    assert found.is_close.tolist() == expected.is_close.tolist()


def test_exact_ties_are_close_and_go_to_the_smallest_id():
    logits = torch.zeros(1, VOCABULARY_SIZE)
    logits[0, [30, 200]] = 5.0
    choice = choose_tokens(weigh(logits, logits, PRESETS["pl"]), Sampling("greedy"), torch.arange(1), 0)
    assert choice.token_ids.tolist() == [30]
    assert choice.is_close.tolist() == [True]


def test_log_probabilities_are_those_of_log_softmax_also_of_tokens_without_a_float32_probability():
    logits = draw_logits(6, VOCABULARY_SIZE, 1)
    logits[:, 7] -= 300
    token_ids = torch.tensor([0, 7, 499, 7, 3, 4])
    expected = logits.double().log_softmax(-1).gather(1, token_ids[:, None])[:, 0]
    found = Prediction(logits).find_log_probs(token_ids)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=2e-6)
    certain = torch.tensor([[50.0, 0, 0]])
    assert Prediction(certain).find_log_probs(torch.tensor([0])).item() == 0
