"""From hidden states or logits to the log-probability of each target, without ever holding all logits.

A block of targets meets the vocabulary tile by tile. What is kept between tiles is the running maximum m and
the running sums of the online softmax (Milakov and Gimelshein 2018, "Online normalizer calculation for
softmax", Algorithm 3)::

    m' = max(m, max x)      s' = s * exp(m - m') + sum exp(x - m')      log p(t) = x_t - m - ln s

and for the entropy also u = sum (x - m) * exp(x - m), as H = ln s - u / s. Logits are taken relative to the
maximum because m + ln s and the mean logit, both large, would cancel to an entropy that has lost its digits.

On a CPU those are four passes over every tile, which two cores feel more than the product itself. Where no entropy
is asked for, torch's log_softmax of a tile, one pass, gives its normaliser instead: that of x less that of
log_softmax(x) at any one column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trailhouse.models.scoring.packed_linear import PackedLinear, pack_columns

# Rows and vocabulary entries of a tile: small enough for the caches of a CPU, large enough to fill a GPU.
CPU_TILE = (2_048, 1_024)
FUSED_CPU_TILE = (512, 1_024)  # read once after the product, so that it may stay in the second-level cache
ACCELERATOR_TILE = (8_192, 8_192)

NEGLIGIBLE_NATS = -1_000.0  # exp of it is 0 in float32
PROBED_COLUMNS = 16
LEAST_PROBED_NATS = -50.0


@dataclass(frozen=True)
class TargetScores:
    """Scores of n targets, each of shape (n,) and on the device of the model; None where not asked for."""

    log_prob_nats: Tensor
    entropy_nats: Tensor | None
    target_rank: Tensor | None


class OnlineSoftmax:
    """Log-softmax of a block of targets, gathered over tiles of the vocabulary."""

    def __init__(self, target_logits: Tensor, *, with_entropy: bool, with_target_rank: bool) -> None:
        self._target_logits = target_logits  # (n,)
        self._maximum = torch.full_like(target_logits, -torch.inf)
        self._sum = torch.zeros_like(target_logits)
        self._weighted_sum = torch.zeros_like(target_logits) if with_entropy else None
        self._rank = torch.zeros_like(target_logits, dtype=torch.int32) if with_target_rank else None
        self._spare = torch.empty(0)

    def add_normalised_tile(self, logits: Tensor, target_columns: Tensor) -> None:
        """Take in finite float32 logits (n, v) of a CPU, for the log-probability and the rank alone."""
        if self._rank is not None:
            self._count_larger(logits, target_columns)
        if self._spare.numel() < logits.numel():
            self._spare = torch.empty(logits.numel())
        normalised = torch.log_softmax(logits, -1, out=self._spare[: logits.numel()].view(logits.shape))
        # The difference keeps its digits where the logit is one of the larger: the largest of a few is near enough
        spacing = -(-logits.shape[1] // PROBED_COLUMNS)
        largest, column = logits[:, ::spacing].max(-1)
        log_prob = normalised.gather(1, column[:, None] * spacing)[:, 0]
        normaliser = largest - log_prob if log_prob.min() > LEAST_PROBED_NATS else logits.logsumexp(-1)
        maximum = torch.maximum(self._maximum, normaliser)
        rise = (self._maximum - maximum).clamp_(min=NEGLIGIBLE_NATS)
        self._sum = self._sum * rise.exp() + (normaliser - maximum).exp()
        self._maximum = maximum

    def add_tile(self, logits: Tensor, target_columns: Tensor) -> None:
        """Take in float32 logits (n, v), which are overwritten.

        ``target_columns`` (n,) says where in the tile the targets stand; values outside 0 .. v - 1 say that
        they stand in another tile.
        """
        if self._rank is not None:
            self._count_larger(logits, target_columns)
        maximum = torch.maximum(self._maximum, logits.amax(-1))
        rise = (self._maximum - maximum).clamp_(min=NEGLIGIBLE_NATS)  # from minus infinity at the first tile
        shrink = rise.exp()
        logits.sub_(maximum[:, None])
        if self._weighted_sum is None:
            weights = logits.exp_()
        else:
            weights = logits.exp()
            # A logit of minus infinity is an excluded token: it has no weight, and no part in the entropy
            products = logits.mul_(weights).nan_to_num_(nan=0.0) if logits.isinf().any() else logits.mul_(weights)
            self._weighted_sum = shrink * (self._weighted_sum + self._sum * rise) + products.sum(-1)
        self._sum = self._sum * shrink + weights.sum(-1)
        self._maximum = maximum

    def finish(self) -> TargetScores:
        """Return the scores once every tile was added."""
        log_normaliser = self._maximum + self._sum.log()
        entropy = None
        if self._weighted_sum is not None:
            entropy = (self._sum.log() - self._weighted_sum / self._sum).clamp_(min=0)
        # Rounding may lift the log-probability of a certain token above 0
        return TargetScores((self._target_logits - log_normaliser).clamp_(max=0), entropy, self._rank)

    def _count_larger(self, logits: Tensor, target_columns: Tensor) -> None:
        assert self._rank is not None
        is_larger = logits > self._target_logits[:, None]
        rows = ((target_columns >= 0) & (target_columns < logits.shape[1])).nonzero()[:, 0]
        is_larger[rows, target_columns[rows]] = False  # the target against itself, rounded another way
        self._rank += is_larger.sum(-1, dtype=torch.int32)


def score_hidden_states(
    hidden: Tensor,  # (N, D)
    head: nn.Linear,
    targets: Tensor,  # (N,)
    *,
    with_entropy: bool,
    with_target_rank: bool,
    packed: list[PackedLinear] | None = None,
) -> TargetScores:
    """Score targets from the hidden states that predict them, through a plain linear head.

    ``packed`` is what ``pack_head`` made of the head.
    """
    is_fused = hidden.device.type == "cpu" and not with_entropy
    tile = ACCELERATOR_TILE if hidden.device.type != "cpu" else FUSED_CPU_TILE if is_fused else CPU_TILE
    blocks = []
    for rows, row_targets in zip(torch.split(hidden, tile[0]), torch.split(targets, tile[0]), strict=True):
        rows = rows.float()
        target_logits = (rows * head.weight[row_targets].float()).sum(-1)
        if head.bias is not None:
            target_logits += head.bias[row_targets].float()
        softmax = OnlineSoftmax(target_logits, with_entropy=with_entropy, with_target_rank=with_target_rank)
        add_tile = softmax.add_normalised_tile if is_fused else softmax.add_tile
        first = 0
        for logits in _multiply_packed(rows, packed) if packed else _multiply(rows, head, tile[1]):
            add_tile(logits, row_targets - first)
            first += logits.shape[1]
        blocks.append(softmax.finish())
    return join_scores(blocks)


def pack_head(head: nn.Linear) -> list[PackedLinear] | None:
    """Pack the head for ``score_hidden_states``; None where it cannot be packed."""
    return pack_columns(head, CPU_TILE[1])


def score_logits(
    logits: Tensor,  # (N, V)
    targets: Tensor,  # (N,)
    *,
    with_entropy: bool,
    with_target_rank: bool,
) -> TargetScores:
    """Score targets from whole rows of logits, which are overwritten where they are float32."""
    rows = logits.float()
    target_logits = rows.gather(1, targets[:, None])[:, 0]
    softmax = OnlineSoftmax(target_logits, with_entropy=with_entropy, with_target_rank=with_target_rank)
    softmax.add_tile(rows, targets)
    return softmax.finish()


def join_scores(blocks: list[TargetScores]) -> TargetScores:
    """Return the scores of several blocks as one."""
    return TargetScores(
        torch.cat([block.log_prob_nats for block in blocks]),
        _join_optional([block.entropy_nats for block in blocks]),
        _join_optional([block.target_rank for block in blocks]),
    )


def _multiply(hidden: Tensor, head: nn.Linear, column_count: int) -> Iterator[Tensor]:
    """Yield the logits (n, v) of tile after tile in one buffer: each ends with the next."""
    buffer = hidden.new_empty(hidden.shape[0] * column_count)
    for first in range(0, head.weight.shape[0], column_count):
        columns = head.weight[first : first + column_count].float()
        tile = buffer[: hidden.shape[0] * columns.shape[0]].view(hidden.shape[0], columns.shape[0])
        torch.mm(hidden, columns.T, out=tile)
        if head.bias is not None:
            tile += head.bias[first : first + column_count]
        yield tile


def _multiply_packed(hidden: Tensor, packed: list[PackedLinear]) -> Iterator[Tensor]:
    return (tile.multiply(hidden) for tile in packed)


def _join_optional(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None
