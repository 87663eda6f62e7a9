"""This module scores random targets a second time, each alone, and compares the results with the scores of the batches.

A target is a position of a corpus or an option of a task. Alone means: the target is scored with
``model(input_ids).logits`` on one sequence, without padding, shared prefixes, windows of other targets, chunks of the
vocabulary or caches. Logits before the first target are left out where the model can do so. The log-softmax is computed
in float64.
"""

from __future__ import annotations

import inspect
import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.failing_models import refusing_failures

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

# Largest difference in nats that rounding can explain, by dtype, for a log-probability near 0
TOLERANCES_NATS = {torch.float32: 2e-3, torch.float16: 0.05, torch.bfloat16: 0.25}
# The tolerance grows with the log-probability, because large logits have fewer digits after the point. For a
# log-probability of -8 nats, it is twice as large as for a log-probability of 0.
DOUBLING_NATS = 8.0
# The float64 logits of at most so many targets are in memory at once
LOGIT_BLOCK_ROWS = 64


@dataclass(frozen=True)
class AloneScore:
    """The score of one or more targets that was computed alone."""

    log_prob_nats: float
    rounding_nats: float
    """Largest error of the score that the rounding of the model's own logits can explain."""


@dataclass
class Verification:
    """How many targets of a run were scored twice and agreed, and the largest difference that was found.

    Several threads may add to it.
    """

    target_count: int = 0
    largest_difference_nats: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, difference_nats: float, *, agrees: bool) -> None:
        """Add a target whose two scores differ by ``difference_nats``, at least 0. It counts only if it agrees."""
        with self._lock:
            self.target_count += agrees
            self.largest_difference_nats = max(self.largest_difference_nats or 0.0, difference_nats)

    def compare(
        self, name: str, stored_nats: float, alone: AloneScore, dtype: torch.dtype, rounding_nats: float
    ) -> None:
        """Compare the stored score of a target in nats with its score alone, and add the result.

        ``rounding_nats`` is the largest difference between a score and its stored value. Raises BadInputError naming
        the target if the scores differ by more than both roundings and the tolerance of ``dtype`` allow.
        """
        difference = abs(stored_nats - alone.log_prob_nats)
        tolerance = find_tolerance(stored_nats, dtype) + rounding_nats + alone.rounding_nats
        # If the score alone is not finite, the tolerance is infinite or NaN, and the scores do not agree
        agrees = difference <= tolerance < math.inf
        self.add(difference, agrees=agrees)
        if not agrees:
            raise BadInputError(
                f"{name} has {stored_nats:.4f} nats in its batch and {alone.log_prob_nats:.4f} nats alone, and a"
                f" difference of {tolerance:.4f} is allowed",
                "the model's outputs depend on what it reads beside the text, so its scores are not stored; report its"
                " model_type, or leave out the check with --verify 0",
            )


def find_tolerance(log_prob_nats: float, dtype: torch.dtype) -> float:
    """Return the largest difference in nats that rounding within the model can explain."""
    return TOLERANCES_NATS.get(dtype, TOLERANCES_NATS[torch.bfloat16]) * (1 + abs(log_prob_nats) / DOUBLING_NATS)


@torch.inference_mode()
def score_alone(
    model: PreTrainedModel, token_ids: npt.NDArray[np.int32], first_target: int, end: int | None = None
) -> AloneScore:
    """Return the sum of the log-probabilities of the tokens from index ``first_target`` to ``end - 1``, in nats.

    ``token_ids`` (T,) is one sequence. ``first_target`` is at least 1. The targets end with the sequence if ``end`` is
    None. The model reads all tokens but the last.
    """
    tokens = torch.from_numpy(token_ids.astype(np.int64)).to(find_input_device(model))
    kept_count = len(tokens) - first_target
    # Only the needed logits are computed if the model can do so. With a large vocabulary, those of a whole window may
    # need more memory than the model.
    takes_count = "logits_to_keep" in inspect.signature(model.forward).parameters
    options = {"logits_to_keep": kept_count} if takes_count else {}
    with refusing_failures(model, tokens[None, :-1]):
        logits = model(input_ids=tokens[None, :-1], use_cache=False, **options).logits[0, -kept_count:]  # (N, V)
    targets = tokens[first_target:end].cpu()
    spacing = max(torch.finfo(dtype).eps for dtype in (model.dtype, logits.dtype))
    log_prob_nats, rounding_nats = 0.0, 0.0
    row_blocks = torch.split(logits[: len(targets)], LOGIT_BLOCK_ROWS)
    blocks = zip(row_blocks, torch.split(targets, LOGIT_BLOCK_ROWS), strict=True)
    for rows, row_targets in blocks:
        # The log-softmax is computed on the CPU, because the GPUs of Apple have no float64
        rows, columns = rows.cpu().double(), row_targets[:, None]
        log_prob_nats += float(rows.log_softmax(-1).gather(-1, columns).sum())
        # Two logits decide the score: the target's logit, and the largest logit, which decides the normaliser. Rounding
        # changes each of them by at most half of its magnitude times ``spacing``.
        magnitudes = torch.maximum(rows.gather(-1, columns).abs(), rows.amax(-1, keepdim=True).abs())
        rounding_nats += spacing * float(magnitudes.sum())
    return AloneScore(log_prob_nats, rounding_nats)


def make_generator(key: str) -> np.random.Generator:
    """Return the generator that draws the targets to verify. ``key`` is a score key or an evaluation key.

    Equal keys draw the same targets.
    """
    return np.random.default_rng(int(key, 16))


def draw_rows(row_count: int, wanted_count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the sorted indices of up to ``wanted_count`` different rows out of ``row_count``."""
    return np.sort(generator.choice(row_count, min(wanted_count, row_count), replace=False))
