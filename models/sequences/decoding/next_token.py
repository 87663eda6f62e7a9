"""This module chooses the next token from the logits of two models.

The logits of a text differ in the last digits between batches of different size, and between a model with a cache and
one without. So each token's weight in the distribution comes with a lower and an upper bound. A choice is *close* if
weights within the bounds could lead to another token. Close choices are made again elsewhere, from logits that do not
depend on the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from trailhouse.models.sequences.decoding.configuration import Decoding, Sampling
from trailhouse.models.sequences.decoding.gumbel_noise import draw_gumbel

# Smaller probabilities in float32 lose digits
SMALLEST_EXACT_PROBABILITY = 1e-30


class Prediction:
    """What one model predicts after B texts: logits and probabilities (B, V) in float32."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.probabilities = logits.softmax(-1)

    def find_log_probs(self, token_ids: Tensor) -> Tensor:
        """Return the log-probabilities (B,) of one token (B,) after each text, in nats."""
        chosen = self.probabilities.gather(1, token_ids[:, None])[:, 0]
        if chosen.amin() > SMALLEST_EXACT_PROBABILITY:
            return chosen.log()
        # The largest logit and its probability give the normaliser without another exponential of all logits
        normaliser = self.logits.amax(-1) - self.probabilities.amax(-1).log()
        return (self.logits.gather(1, token_ids[:, None])[:, 0] - normaliser).clamp_(max=0)


@dataclass(frozen=True)
class TokenWeights:
    """The distributions of the next token of B texts over V tokens, before they are normalised."""

    values: Tensor
    """Weights (B, V), at least 0. Divided by their sum, they are the distribution."""
    lowest: Tensor
    """Lower bounds of the weights (B, V), at least 0."""
    highest: Tensor
    """Upper bounds of the weights (B, V), at least 0."""
    totals: Tensor
    """Sums of the weights (B, 1)."""
    favoured: Tensor
    """Probabilities (B, V) under the model with the larger weight, from which a token is taken if all weights are 0."""


class Choice(NamedTuple):
    """The next tokens of B texts: tensors of shape (B,)."""

    token_ids: Tensor
    is_fallback: Tensor
    """Whether all weights were 0, and the favoured model's most probable token was taken."""
    is_close: Tensor
    """Whether weights within their bounds could lead to another token, or to another ``is_fallback``."""


def choose_next_tokens(
    small: Prediction,
    large: Prediction,
    decoding: Decoding,
    sampling: Sampling,
    vocabulary_size: int,
    prompt_ids: Tensor,
    position: int,
    tolerance_nats: float = 0.0,
) -> Choice:
    """Return the next tokens of B texts. See ``weigh_tokens`` and ``choose_tokens`` for the arguments.

    With greedy interpolated decoding, most texts need no bounds of all tokens. The others are chosen with them.
    """
    if sampling.method != "greedy" or decoding.method != "interpolated":
        weights = weigh_tokens(small, large, decoding, vocabulary_size, tolerance_nats)
        return choose_tokens(weights, sampling, prompt_ids, position)
    token_ids, is_clear = _find_clear_tokens(small, large, decoding, vocabulary_size, tolerance_nats)
    choice = Choice(token_ids, torch.zeros_like(is_clear), torch.zeros_like(is_clear))
    rows = (~is_clear).nonzero()[:, 0]
    if len(rows):
        unclear_small, unclear_large = Prediction(small.logits[rows]), Prediction(large.logits[rows])
        weights = weigh_tokens(unclear_small, unclear_large, decoding, vocabulary_size, tolerance_nats)
        unclear = choose_tokens(weights, sampling, prompt_ids[rows], position)
        for whole, part in zip(choice, unclear, strict=True):
            whole[rows] = part
    return choice


def weigh_tokens(
    small: Prediction, large: Prediction, decoding: Decoding, vocabulary_size: int, tolerance_nats: float = 0.0
) -> TokenWeights:
    """Return the distributions of the next token.

    The predictions are on one device. Tokens from ``vocabulary_size`` on get no weight. ``tolerance_nats`` is the
    largest error of each model's log-probabilities, from which the bounds follow.
    """
    p_s, p_l = small.probabilities[:, :vocabulary_size], large.probabilities[:, :vocabulary_size]
    favoured = p_s if decoding.small_weight > decoding.large_weight else p_l
    if decoding.method == "contrastive":
        ratios = large.logits[:, :vocabulary_size] - small.logits[:, :vocabulary_size]
        values, lowest, highest = _weigh_contrastive(ratios, p_l, decoding.plausibility, tolerance_nats)
        return TokenWeights(values, lowest, highest, values.sum(-1, keepdim=True), favoured)
    values, lowest, highest = _weigh_interpolated(p_s, p_l, decoding, tolerance_nats)
    is_whole = vocabulary_size == small.logits.shape[1] == large.logits.shape[1]
    if is_whole and min(decoding.small_weight, decoding.large_weight) >= 0:
        # The sum is known, and adding up the rounded weights would change the last digits
        totals = torch.full_like(values[:, :1], decoding.small_weight + decoding.large_weight)
    else:
        totals = values.sum(-1, keepdim=True)
    return TokenWeights(values, lowest, highest, totals, favoured)


def choose_tokens(weights: TokenWeights, sampling: Sampling, prompt_ids: Tensor, position: int) -> Choice:
    """Return the next tokens of B texts, whose prompts have the ids ``prompt_ids`` (B,).

    ``position`` counts the tokens that were generated before. Of equal tokens, the one with the smallest id is chosen.
    """
    if sampling.method == "greedy":
        token_ids, is_close = _choose_most_probable(weights)
    else:
        token_ids, is_close = _draw_from_nucleus(weights, sampling, prompt_ids, position)
    # A token that may have no weight is close, so a choice that is not close is no fallback
    is_fallback = weights.values.gather(1, token_ids[:, None])[:, 0] <= 0
    if is_fallback.any():
        token_ids = torch.where(is_fallback, weights.favoured.argmax(-1), token_ids)
    return Choice(token_ids, is_fallback, is_close)


def _find_clear_tokens(
    small: Prediction, large: Prediction, decoding: Decoding, vocabulary_size: int, tolerance_nats: float
) -> tuple[Tensor, Tensor]:
    """Return the token (B,) with the largest weight, and whether it surely has it.

    It surely has it if its weight exceeds the second largest one by twice the largest error of any token's weight.
    """
    p_s, p_l = small.probabilities[:, :vocabulary_size], large.probabilities[:, :vocabulary_size]
    signed = p_s.mul(decoding.small_weight).add_(p_l, alpha=decoding.large_weight)
    best, token_ids = signed.max(-1, keepdim=True)
    second = signed.scatter_(1, token_ids, -torch.inf).amax(-1)
    largest_error = tolerance_nats * (
        abs(decoding.small_weight) * p_s.amax(-1) + abs(decoding.large_weight) * p_l.amax(-1)
    )
    # A little more than twice, because the sums are rounded
    return token_ids[:, 0], best[:, 0] > second.clamp_(min=0) + 2.001 * largest_error


def _weigh_interpolated(
    p_s: Tensor, p_l: Tensor, decoding: Decoding, tolerance_nats: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return equation 2 of Xia et al. (2023) without negative values, and its bounds."""
    signed = p_s.mul(decoding.small_weight).add_(p_l, alpha=decoding.large_weight)
    error = p_s.mul(abs(decoding.small_weight) * tolerance_nats)
    error.add_(p_l, alpha=abs(decoding.large_weight) * tolerance_nats)
    lowest, highest = (signed - error).clamp_(min=0), error.add_(signed).clamp_(min=0)
    return signed.clamp_(min=0), lowest, highest


def _weigh_contrastive(
    ratios: Tensor, p_l: Tensor, plausibility: float, tolerance_nats: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return p_l / p_s of the plausible tokens, divided by its largest value, and its bounds.

    ``ratios`` (B, V) are log p_l - log p_s, up to a constant for each text.
    """
    least = plausibility * p_l.amax(-1, keepdim=True)
    is_plausible = p_l >= least
    values = (ratios - ratios.where(is_plausible, -torch.inf).amax(-1, keepdim=True)).exp_()
    # Each comparison is one of two log-probabilities, each with an error of tolerance_nats
    factor = math.exp(2 * tolerance_nats)
    lowest = (values / factor).where(p_l >= least * factor, 0.0)
    highest = (values * factor).where(p_l >= least / factor, 0.0)
    return values.where(is_plausible, 0.0), lowest, highest


def _choose_most_probable(weights: TokenWeights) -> tuple[Tensor, Tensor]:
    token_ids = weights.values.argmax(-1, keepdim=True)  # (B, 1)
    others = weights.highest.scatter(1, token_ids, -1.0).amax(-1)
    return token_ids[:, 0], others >= weights.lowest.gather(1, token_ids)[:, 0]


def _draw_from_nucleus(
    weights: TokenWeights, sampling: Sampling, prompt_ids: Tensor, position: int
) -> tuple[Tensor, Tensor]:
    """Return the drawn tokens and whether they are close.

    The nucleus is that of transformers' ``TopPLogitsWarper``: a token is left out if its probability and those of all
    less probable tokens sum up to at most 1 - top_p.
    """
    values, order = weights.values.sort(descending=True, stable=True)  # (B, V)
    lowest, highest = weights.lowest.gather(1, order), weights.highest.gather(1, order)
    mass = (values / weights.totals).flip(-1).cumsum(-1).flip(-1)  # of the token and all less probable ones
    is_in = mass > 1 - sampling.top_p
    is_in[:, 0] = True
    # The nucleus ends somewhere within this range of the sum of probabilities
    spread = (highest - lowest).sum(-1, keepdim=True) / weights.totals
    is_surely_in = mass > 1 - sampling.top_p + spread
    is_surely_in[:, 0] = True
    is_surely_in &= lowest > highest.where(~is_surely_in, 0.0).amax(-1, keepdim=True)
    is_surely_out = mass <= 1 - sampling.top_p - spread
    is_surely_out &= highest < lowest.where(~is_surely_out, torch.inf).amin(-1, keepdim=True)
    ranks = torch.arange(1, values.shape[1] + 1, device=values.device)
    count = int((~is_surely_out * ranks).amax())  # tokens after this rank need no noise
    order, is_in, is_surely_in, is_surely_out = (
        tensor[:, :count] for tensor in (order, is_in, is_surely_in, is_surely_out)
    )
    noise = draw_gumbel(sampling.seed, prompt_ids, position, order)
    keys = (values[:, :count].log() + noise).where(is_in, -torch.inf)
    winner = keys.argmax(-1, keepdim=True)  # (B, 1)
    highest_keys = (highest[:, :count].log() + noise).where(~is_surely_out, -torch.inf)
    others = highest_keys.scatter(1, winner, -torch.inf).amax(-1)
    winner_key = (lowest[:, :count].log() + noise).where(is_surely_in, -torch.inf).gather(1, winner)[:, 0]
    return order.gather(1, winner)[:, 0], others >= winner_key
