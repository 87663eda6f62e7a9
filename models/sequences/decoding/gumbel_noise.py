"""This module computes random noise for sampling from a counter, without a random generator that has a state.

A token is drawn by the Gumbel-max trick: the token with the largest log p + g is distributed like p if the g are
independent and follow the standard Gumbel distribution. Here g is a function of the seed, the prompt, the position and
the token. So a text does not depend on the batch that it is in, on other texts, or on the device's random generator.

The function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014), applied once for each of these numbers. Its
integers have the same bits on every device. The logarithms after it may differ in the last digit.
"""

from __future__ import annotations

import torch
from torch import Tensor

GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)  # the increment of SplitMix64, as a signed integer
MULTIPLIERS = (0xBF58476D1CE4E5B9 - (1 << 64), 0x94D049BB133111EB - (1 << 64))
SHIFTS = (30, 27, 31)
UNIFORM_BITS = 53
# The largest float32 below 1. A uniform number of 1 would make the noise minus infinity.
LARGEST_UNIFORM = 1 - 2**-24


def draw_gumbel(seed: int, prompt_ids: Tensor, position: int, token_ids: Tensor) -> Tensor:
    """Return float32 noise (B, K) for the tokens ``token_ids`` (B, K) at one position of the texts of B prompts.

    ``prompt_ids`` (B,) and ``token_ids`` are int64.
    """
    state = _mix(torch.full_like(prompt_ids, seed))
    state = _mix(state + prompt_ids * GOLDEN_GAMMA)
    state = _mix(state + torch.full_like(prompt_ids, position + 1) * GOLDEN_GAMMA)
    bits = _mix(state[:, None] + (token_ids + 1) * GOLDEN_GAMMA)
    uniform = (_shift_right(bits, 64 - UNIFORM_BITS) + 0.5).to(torch.float32) * 2.0**-UNIFORM_BITS
    # If u is uniform, -log(1 - u) is exponential. Small u keep all digits, and they make the large values of the noise.
    exponential = -torch.log1p(-uniform.clamp_(max=LARGEST_UNIFORM))
    return -exponential.log()


def _mix(state: Tensor) -> Tensor:
    """Return the finaliser of SplitMix64 of int64 numbers. Products wrap around modulo 2^64."""
    state = (state ^ _shift_right(state, SHIFTS[0])) * MULTIPLIERS[0]
    state = (state ^ _shift_right(state, SHIFTS[1])) * MULTIPLIERS[1]
    return state ^ _shift_right(state, SHIFTS[2])


def _shift_right(values: Tensor, count: int) -> Tensor:
    """Return int64 values shifted to the right, with zeros from the left also for negative values."""
    return (values >> count) & ((1 << (64 - count)) - 1)
