from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from trailhouse.models.scoring import softmax as softmax_module
from trailhouse.models.scoring.softmax import OnlineSoftmax, score_hidden_states, score_logits


@pytest.mark.parametrize("with_entropy", [False, True])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("chunk", [(3, 5), (7, 64), (64, 1)])
def test_chunks_of_any_size_give_the_plain_log_softmax(monkeypatch, has_bias, chunk, with_entropy):
    monkeypatch.setattr(softmax_module, "CPU_CHUNK", chunk)
    monkeypatch.setattr(softmax_module, "ONE_PASS_CPU_CHUNK", chunk)
    generator = torch.Generator().manual_seed(3)
    head = torch.nn.Linear(8, 61, bias=has_bias)
    torch.nn.init.normal_(head.weight, std=3, generator=generator)
    hidden = torch.randn(20, 8, generator=generator)
    targets = torch.randint(0, 61, (20,), generator=generator)
    with torch.inference_mode():
        scores = score_hidden_states(hidden, head, targets, with_entropy=with_entropy, with_target_rank=True)
        logits = head(hidden).double().numpy()
    expected = log_softmax(logits, axis=1)
    wanted = expected[np.arange(20), targets.numpy()]
    np.testing.assert_allclose(scores.log_prob_nats.numpy(), wanted, atol=1e-5)
    assert (scores.entropy_nats is not None) == with_entropy
    if with_entropy:
        np.testing.assert_allclose(scores.entropy_nats.numpy(), -(np.exp(expected) * expected).sum(1), atol=1e-5)
    assert scores.target_rank.tolist() == (expected > wanted[:, None]).sum(1).tolist()


def test_large_logits_neither_overflow_nor_underflow():
    softmax = OnlineSoftmax(torch.tensor([3e4, -3e4]), with_entropy=True, with_target_rank=False)
    softmax.add_chunk(torch.tensor([[-3e4, 0.0], [-3e4, 0.0]]), torch.tensor([5, 0]))
    softmax.add_chunk(torch.tensor([[3e4, 1.0], [2e4, 1.0]]), torch.tensor([0, -2]))
    scores = softmax.finish()
    assert scores.log_prob_nats.tolist() == [0.0, -5e4]
    assert scores.entropy_nats.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("offset", [0.0, -1e9, 900.0])
def test_nearly_excluded_tokens_cost_no_digits_of_the_others(offset):
    """With the offset -1e9, the bias hides all but three tokens. With the offset 900, all logits are large."""
    generator = torch.Generator().manual_seed(5)
    head = torch.nn.Linear(8, 3_000)
    head.bias.data[:] = offset
    head.bias.data[[17, 1_500, 2_999]] = max(offset, 0.0)
    hidden = torch.randn(50, 8, generator=generator)
    targets = torch.tensor([17, 1_500] * 25)
    with torch.inference_mode():
        scores = score_hidden_states(hidden, head, targets, with_entropy=False, with_target_rank=False)
        logits = (hidden.double() @ head.weight.double().T + head.bias.double()).numpy()
    expected = log_softmax(logits, axis=1)[np.arange(50), targets.numpy()]
    np.testing.assert_allclose(scores.log_prob_nats.numpy(), expected, atol=2e-4 if offset > 0 else 1e-5)


def test_the_sum_of_a_chunk_is_taken_from_one_of_its_larger_logits():
    """From the first column alone, whose log-probability is about -40 nats, the error would be above 1e-6 nats."""
    generator = torch.Generator().manual_seed(17)
    logits = torch.rand(400, 64, generator=generator)
    logits[:, 0] = -35 - logits[:, 0]
    expected = -logits.double().logsumexp(-1)
    softmax = OnlineSoftmax(torch.zeros(400), with_entropy=False, with_target_rank=False)
    softmax.add_chunk_in_one_pass(logits, torch.full((400,), -1))
    np.testing.assert_allclose(softmax.finish().log_prob_nats, expected, atol=1e-6)


def test_excluded_tokens_have_no_part_in_the_entropy():
    softmax = OnlineSoftmax(torch.tensor([0.0]), with_entropy=True, with_target_rank=True)
    softmax.add_chunk(torch.tensor([[0.0, -torch.inf, 0.0]]), torch.tensor([0]))
    scores = softmax.finish()
    np.testing.assert_allclose(scores.log_prob_nats.numpy(), -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(scores.entropy_nats.numpy(), np.log(2), rtol=1e-6)


@pytest.mark.parametrize("with_entropy", [False, True])
def test_no_log_probability_of_a_nearly_certain_token_is_above_zero(with_entropy):
    """At some of the 4,000 positions, rounding lifts the log-probability above 0, and it is clamped to 0."""
    generator = torch.Generator().manual_seed(11)
    head = torch.nn.Linear(64, 3_000)
    torch.nn.init.normal_(head.weight, std=0.02, generator=generator)
    torch.nn.init.zeros_(head.bias)
    head.bias.data[7] = 40.0
    hidden = 3 * torch.randn(4_000, 64, generator=generator)
    targets = torch.full((4_000,), 7)
    with torch.inference_mode():
        scores = score_hidden_states(hidden, head, targets, with_entropy=with_entropy, with_target_rank=True)
        logits = (hidden.double() @ head.weight.double().T + head.bias.double()).numpy()
    expected = log_softmax(logits, axis=1)[:, 7]
    assert scores.log_prob_nats.max() <= 0
    np.testing.assert_allclose(scores.log_prob_nats.numpy(), expected, atol=2e-5)
    assert set(scores.target_rank.tolist()) == {0}
    if with_entropy:
        assert scores.entropy_nats.min() >= 0


def test_scores_from_all_logits_are_those_from_hidden_states():
    generator = torch.Generator().manual_seed(13)
    head = torch.nn.Linear(8, 50)
    hidden = torch.randn(9, 8, generator=generator)
    targets = torch.randint(0, 50, (9,), generator=generator)
    options = {"with_entropy": True, "with_target_rank": True}
    with torch.inference_mode():
        left = score_hidden_states(hidden, head, targets, **options)
        right = score_logits(head(hidden), targets, **options)
        expected = head(hidden).double().log_softmax(-1).gather(1, targets[:, None])[:, 0]
    np.testing.assert_allclose(left.log_prob_nats, expected, atol=1e-5)
    np.testing.assert_allclose(right.log_prob_nats, expected, atol=1e-5)
    np.testing.assert_allclose(left.entropy_nats, right.entropy_nats, atol=1e-5)
    assert left.target_rank.tolist() == right.target_rank.tolist()
