"""This module scores random targets a second time, each alone, and compares the results with the scores of the batches.

A target is a position of a corpus or an option of a task. Alone means: the target is scored with
``model(input_ids).logits`` on one sequence, without padding, shared prefixes, windows of other targets, chunks of the
vocabulary or caches. The log-softmax is computed in float64.
"""

from __future__ import annotations

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


@dataclass
class Verification:
    """How many targets of a run were scored twice, and the largest difference. Several threads may add to it."""

    target_count: int = 0
    largest_difference_nats: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, difference_nats: float) -> None:
        """Count one target whose two scores differ by ``difference_nats``, which is not negative."""
        with self._lock:
            self.target_count += 1
            self.largest_difference_nats = max(self.largest_difference_nats or 0.0, difference_nats)

    def compare(
        self, name: str, stored_nats: float, alone_nats: float, dtype: torch.dtype, rounding_nats: float
    ) -> None:
        """Count one target and compare its stored score with its score alone, both in nats.

        ``rounding_nats`` is the largest difference between a score and its stored value. Raises BadInputError naming
        the target if the scores differ by more than the rounding and the tolerance of ``dtype`` allow.
        """
        difference = abs(stored_nats - alone_nats)
        self.add(difference)
        tolerance = find_tolerance(alone_nats, dtype) + rounding_nats
        if not difference <= tolerance:
            raise BadInputError(
                f"{name} has {stored_nats:.4f} nats in its batch and {alone_nats:.4f} nats alone, and a difference of"
                f" {tolerance:.4f} is allowed",
                "the model's outputs depend on what it reads beside the text, so its scores are not stored; report its"
                " model_type, or leave out the check with --verify 0",
            )


def find_tolerance(log_prob_nats: float, dtype: torch.dtype) -> float:
    """Return the largest difference in nats that rounding within the model can explain."""
    return TOLERANCES_NATS.get(dtype, TOLERANCES_NATS[torch.bfloat16]) * (1 + abs(log_prob_nats) / DOUBLING_NATS)


@torch.inference_mode()
def score_alone(model: PreTrainedModel, token_ids: npt.NDArray[np.int32], first_target: int) -> float:
    """Return the sum of the log-probabilities of the tokens from index ``first_target`` on, in nats.

    ``token_ids`` (T,) is one sequence. ``first_target`` is at least 1. The model reads all tokens but the last.
    """
    tokens = torch.from_numpy(token_ids.astype(np.int64)).to(find_input_device(model))
    with refusing_failures(model, tokens[None, :-1]):
        logits = model(input_ids=tokens[None, :-1], use_cache=False).logits[0, first_target - 1 :]  # (N, V)
    log_probs = logits.double().log_softmax(-1)
    targets = tokens[first_target:].to(log_probs.device)
    return float(log_probs.gather(-1, targets[:, None]).sum())


def make_generator(key: str) -> np.random.Generator:
    """Return the generator that draws the targets to verify. ``key`` is a score key or an evaluation key.

    Equal keys draw the same targets.
    """
    return np.random.default_rng(int(key, 16))
