"""This module computes log-probabilities of target tokens, without holding all logits of the vocabulary at once.

The vocabulary is split into chunks. For each target, the online softmax (Milakov and Gimelshein 2018, "Online
normalizer calculation for softmax", Algorithm 3) keeps a maximum m and a sum s over the chunks seen so far.
A chunk of logits x changes them to::

    m' = max(m, max x)
    s' = s * exp(m - m') + sum exp(x - m')

After the last chunk, the log-probability of the target t is::

    log p(t) = x_t - m - ln s

The entropy needs one more sum, u::

    d  = m - m'
    u' = exp(d) * (u + s * d) + sum (x - m') * exp(x - m')
    H  = ln s - u / s

All logits are taken relative to m. Otherwise H would be the difference of two large numbers and lose its digits.

On a CPU, these sums read every chunk four times. So they take longer than the matrix product that yields the logits. If
no entropy is needed, one call of ``torch.log_softmax`` replaces the sums, and reads the chunk once. Its result yields
ln sum exp(x) of the chunk as x - log_softmax(x), which is the same for every entry of the chunk.

The probability that a new word begins is the sum of the probabilities of all tokens that begin a word. If it is wanted,
it is accumulated over the chunks in the same way, before a chunk is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Sizes of chunks, as (targets, vocabulary entries). On a CPU, a chunk should fit the caches; on a GPU, it should
# keep all cores busy.
CPU_CHUNK = (2_048, 1_024)
ONE_PASS_CPU_CHUNK = (512, 1_024)  # fits the second-level cache, so that log_softmax reads it from memory only once
ACCELERATOR_CHUNK = (8_192, 8_192)

NEGLIGIBLE_NATS = -1_000.0  # exp(-1000) is 0 in float32
PROBED_COLUMN_COUNT = 16
LOWEST_PROBED_NATS = -50.0


@dataclass(frozen=True)
class TargetScores:
    """Scores of n targets: tensors of shape (n,) on the device of the model, or None for scores that are not wanted."""

    log_prob_nats: Tensor
    entropy_nats: Tensor | None
    target_rank: Tensor | None
    """Number of tokens whose logit is larger than the target's."""
    word_start_log_prob_nats: Tensor | None = None
    """Log-probability that the token at the target's position begins a new word or ends the text."""


class OnlineSoftmax:
    """The softmax of n targets, accumulated over chunks of the vocabulary by the formulas in the module's docstring."""

    def __init__(self, target_logits: Tensor, *, with_entropy: bool, with_target_rank: bool) -> None:
        self._target_logits = target_logits  # (n,)
        self._maximum = torch.full_like(target_logits, -torch.inf)  # m
        self._sum = torch.zeros_like(target_logits)  # s
        self._weighted_sum = torch.zeros_like(target_logits) if with_entropy else None  # u
        self._rank = torch.zeros_like(target_logits, dtype=torch.int32) if with_target_rank else None
        self._buffer = torch.empty(0)
        self._word_start_sum: Tensor | None = None  # ln sum exp(x) over the tokens that begin a word

    def add_word_starts(self, logits: Tensor, is_word_start: Tensor, *, is_one_pass: bool) -> None:
        """Add the logits (n, v) of a chunk to the probability of a new word. Call this before the chunk is added.

        ``is_word_start`` (v,) states which of the chunk's tokens begin a new word or end the text. ``is_one_pass`` says
        whether the chunk is then added in one pass.
        """
        columns = is_word_start.nonzero()[:, 0]
        if len(columns) == 0:
            return
        chosen = logits.index_select(1, columns)
        part = self._sum_in_one_pass(chosen) if is_one_pass else chosen.logsumexp(-1)
        self._word_start_sum = part if self._word_start_sum is None else self._word_start_sum.logaddexp(part)

    def add_chunk_in_one_pass(self, logits: Tensor, target_columns: Tensor) -> None:
        """Add a chunk of finite float32 logits (n, v) on a CPU, without computing the entropy.

        ``target_columns`` is explained in ``add_chunk``.
        """
        if self._rank is not None:
            self._count_larger(logits, target_columns)
        log_sum = self._sum_in_one_pass(logits)
        maximum = torch.maximum(self._maximum, log_sum)
        difference = (self._maximum - maximum).clamp_(min=NEGLIGIBLE_NATS)
        self._sum = self._sum * difference.exp() + (log_sum - maximum).exp()
        self._maximum = maximum

    def _sum_in_one_pass(self, logits: Tensor) -> Tensor:
        """Return ln sum exp(x) of each row of logits (n, v) on a CPU."""
        if self._buffer.numel() < logits.numel():
            self._buffer = torch.empty(logits.numel())
        log_probs = torch.log_softmax(logits, -1, out=self._buffer[: logits.numel()].view(logits.shape))
        # x - log_softmax(x) loses the fewest digits where the logit x is large, so compute it for the largest logit of
        # a few columns
        spacing = -(-logits.shape[1] // PROBED_COLUMN_COUNT)
        largest, column = logits[:, ::spacing].max(-1)
        log_prob = log_probs.gather(1, column[:, None] * spacing)[:, 0]
        return largest - log_prob if log_prob.min() > LOWEST_PROBED_NATS else logits.logsumexp(-1)

    def add_chunk(self, logits: Tensor, target_columns: Tensor) -> None:
        """Add a chunk of float32 logits (n, v), which are overwritten.

        ``target_columns`` (n,) holds the column of each target within the chunk. Values outside 0 .. v - 1 mean
        that the target is in another chunk.
        """
        if self._rank is not None:
            self._count_larger(logits, target_columns)
        maximum = torch.maximum(self._maximum, logits.amax(-1))
        # at the first chunk, the difference would be minus infinity without the clamp
        difference = (self._maximum - maximum).clamp_(min=NEGLIGIBLE_NATS)
        shrink = difference.exp()
        logits.sub_(maximum[:, None])
        if self._weighted_sum is None:
            weights = logits.exp_()
        else:
            weights = logits.exp()
            has_excluded_tokens = bool(logits.isinf().any())
            products = logits.mul_(weights)
            # An excluded token has the logit minus infinity and the weight 0. Their product is NaN, but should be 0.
            if has_excluded_tokens:
                products.nan_to_num_(nan=0.0)
            self._weighted_sum = shrink * (self._weighted_sum + self._sum * difference) + products.sum(-1)
        self._sum = self._sum * shrink + weights.sum(-1)
        self._maximum = maximum

    def finish(self) -> TargetScores:
        """Return the scores. Call this after all chunks have been added."""
        log_normaliser = self._maximum + self._sum.log()
        entropy = None
        if self._weighted_sum is not None:
            entropy = (self._sum.log() - self._weighted_sum / self._sum).clamp_(min=0)
        # Rounding can lift the log-probability of a nearly certain token above 0
        word_start = None if self._word_start_sum is None else (self._word_start_sum - log_normaliser).clamp_(max=0)
        log_prob = (self._target_logits - log_normaliser).clamp_(max=0)
        return TargetScores(log_prob, entropy, self._rank, word_start)

    def _count_larger(self, logits: Tensor, target_columns: Tensor) -> None:
        assert self._rank is not None
        is_larger = logits > self._target_logits[:, None]
        rows = ((target_columns >= 0) & (target_columns < logits.shape[1])).nonzero()[:, 0]
        # a target is not larger than itself, even if the chunk's logit for it was rounded differently
        is_larger[rows, target_columns[rows]] = False
        self._rank += is_larger.sum(-1, dtype=torch.int32)


def score_hidden_states(
    hidden: Tensor,  # (N, D)
    head: nn.Linear,  # D -> V
    targets: Tensor,  # (N,)
    *,
    with_entropy: bool,
    with_target_rank: bool,
    is_word_start: Tensor | None = None,  # (V,)
) -> TargetScores:
    """Return the scores of N targets from the hidden states that predict them, using a linear LM head.

    ``is_word_start`` states which tokens begin a new word or end the text. If it is None, the probability of a new word
    is not computed.
    """
    is_one_pass = hidden.device.type == "cpu" and not with_entropy
    row_count, column_count = _choose_chunk(hidden.device, is_one_pass=is_one_pass)
    blocks = []
    for rows, row_targets in zip(torch.split(hidden, row_count), torch.split(targets, row_count), strict=True):
        rows = rows.float()
        target_logits = (rows * head.weight[row_targets].float()).sum(-1)
        if head.bias is not None:
            target_logits += head.bias[row_targets].float()
        softmax = OnlineSoftmax(target_logits, with_entropy=with_entropy, with_target_rank=with_target_rank)
        add_chunk = softmax.add_chunk_in_one_pass if is_one_pass else softmax.add_chunk
        for first_column, logits in _compute_logits(rows, head, column_count):
            if is_word_start is not None:
                chosen = is_word_start[first_column : first_column + logits.shape[1]]
                softmax.add_word_starts(logits, chosen, is_one_pass=is_one_pass)
            add_chunk(logits, row_targets - first_column)
        blocks.append(softmax.finish())
    return join_scores(blocks)


def score_logits(
    logits: Tensor,  # (N, V)
    targets: Tensor,  # (N,)
    *,
    with_entropy: bool,
    with_target_rank: bool,
    is_word_start: Tensor | None = None,  # (V,)
) -> TargetScores:
    """Return the scores of N targets from the logits of the whole vocabulary. Float32 logits are overwritten.

    ``is_word_start`` is explained in ``score_hidden_states``.
    """
    rows = logits.float()
    target_logits = rows.gather(1, targets[:, None])[:, 0]
    softmax = OnlineSoftmax(target_logits, with_entropy=with_entropy, with_target_rank=with_target_rank)
    if is_word_start is not None:
        softmax.add_word_starts(rows, is_word_start, is_one_pass=False)
    softmax.add_chunk(rows, targets)
    return softmax.finish()


def join_scores(blocks: list[TargetScores]) -> TargetScores:
    """Return the scores of several blocks of targets as one object, in the order of the blocks."""
    return TargetScores(
        torch.cat([block.log_prob_nats for block in blocks]),
        _join_optional([block.entropy_nats for block in blocks]),
        _join_optional([block.target_rank for block in blocks]),
        _join_optional([block.word_start_log_prob_nats for block in blocks]),
    )


def _choose_chunk(device: torch.device, *, is_one_pass: bool) -> tuple[int, int]:
    if device.type != "cpu":
        return ACCELERATOR_CHUNK
    return ONE_PASS_CPU_CHUNK if is_one_pass else CPU_CHUNK


def _compute_logits(hidden: Tensor, head: nn.Linear, column_count: int) -> Iterator[tuple[int, Tensor]]:
    """Yield (first column, logits (n, v)) of each chunk. Each chunk overwrites the logits of the previous chunk."""
    buffer = hidden.new_empty(hidden.shape[0] * column_count)
    for first_column in range(0, head.weight.shape[0], column_count):
        weight = head.weight[first_column : first_column + column_count].float()
        logits = buffer[: hidden.shape[0] * weight.shape[0]].view(hidden.shape[0], weight.shape[0])
        torch.mm(hidden, weight.T, out=logits)
        if head.bias is not None:
            logits += head.bias[first_column : first_column + column_count]
        yield first_column, logits


def _join_optional(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None
