"""The noise of sampling is a function of seed, prompt, position and token, and follows the Gumbel distribution."""

import math

import numpy as np
import torch
from scipy import stats

from trailhouse.models.sequences.decoding.gumbel_noise import draw_gumbel


def draw(seed=0, prompt_count=4, position=0, token_count=50_000):
    prompt_ids = torch.arange(prompt_count)
    return draw_gumbel(seed, prompt_ids, position, torch.arange(token_count).expand(prompt_count, -1))


def split_mix(state):
    """The finaliser of SplitMix64, in Python's integers."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def test_the_noise_is_that_of_splitmix64():
    gamma = 0x9E3779B97F4A7C15
    for seed, prompt_id, position, token_id in ((0, 0, 0, 0), (3, 17, 499, 50_000), (2**62, 2**31 - 1, 7, 1)):
        state = split_mix(seed)
        state = split_mix((state + prompt_id * gamma) % 2**64)
        state = split_mix((state + (position + 1) * gamma) % 2**64)
        bits = split_mix((state + (token_id + 1) * gamma) % 2**64)
        uniform = ((bits >> 11) + 0.5) / 2**53
        noise = draw_gumbel(seed, torch.tensor([prompt_id]), position, torch.tensor([[token_id]]))
        assert math.isclose(noise.item(), -math.log(-math.log1p(-uniform)), rel_tol=1e-5, abs_tol=1e-6)


def test_the_noise_follows_the_gumbel_distribution_along_tokens_prompts_positions_and_seeds():
    one = torch.zeros(1, 1, dtype=torch.int64)
    prompt_ids = torch.arange(20_000)
    samples = {
        "tokens": draw(prompt_count=1).flatten(),
        "prompts": draw_gumbel(0, prompt_ids, 0, one.expand(20_000, 1)).flatten(),
        "positions": torch.cat([draw_gumbel(0, one[0], position, one) for position in range(5_000)]).flatten(),
        "seeds": torch.cat([draw_gumbel(seed, one[0], 0, one) for seed in range(5_000)]).flatten(),
    }
    p_values = {name: stats.kstest(sample.double().numpy(), "gumbel_r").pvalue for name, sample in samples.items()}
    assert min(p_values.values()) > 0.01, p_values


def test_noise_of_neighbouring_prompts_positions_seeds_and_tokens_is_not_correlated():
    base = draw().double().numpy()
    others = {
        "seed": draw(seed=1).double().numpy(),
        "position": draw(position=1).double().numpy(),
        "prompt": np.roll(base, 1, 0),
        "token": np.roll(base, 1, 1),
    }
    for name, other in others.items():
        correlation = stats.pearsonr(base.ravel(), other.ravel()).statistic
        assert abs(correlation) < 4 / math.sqrt(base.size), name


def test_the_noise_of_a_token_does_not_depend_on_the_other_tokens_and_prompts():
    whole = draw(seed=5, prompt_count=6, position=3, token_count=100)
    part = draw_gumbel(5, torch.tensor([4, 2]), 3, torch.tensor([[99, 0], [7, 8]]))
    assert part.tolist() == [[whole[4, 99], whole[4, 0]], [whole[2, 7], whole[2, 8]]]


def test_the_noise_is_always_finite():
    assert draw(prompt_count=40).isfinite().all()
