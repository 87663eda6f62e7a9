"""The history of a passage: the log-probability of every token at every checkpoint, in one or several models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trailhouse.dashboards.passages.passage import Passage


@dataclass(frozen=True)
class ScoredCheckpoint:
    """A checkpoint with what it is compared by: its step, and its perplexity and bits per byte on the whole corpus."""

    step: int
    tokens_seen: int | None
    perplexity: float
    bits_per_byte: float | None


@dataclass(frozen=True)
class Reading:
    """One model's reading of the document.

    ``log_probs_nats`` has one row per token of ``passage`` and one column per checkpoint. It is NaN where a checkpoint
    has no score of a token. ``color`` is the colour of the model's curves.
    """

    passage: Passage
    parameter_count: int
    tokenizer_id: str
    color: str
    checkpoints: tuple[ScoredCheckpoint, ...]
    log_probs_nats: npt.NDArray[np.float32]


@dataclass(frozen=True)
class PassageHistory:
    """A document as several models read it over their training. ``passage`` belongs to the model that was asked for."""

    passage: Passage
    readings: tuple[Reading, ...]


def describe_series(history: PassageHistory) -> dict[str, Any]:
    """Return the passage with its categories, and every model's log-probabilities, as values for JSON."""
    return {
        **asdict(history.passage),
        "categories": history.passage.count_categories(),
        "models": [
            {
                "model_id": reading.passage.model_id,
                "parameter_count": reading.parameter_count,
                "tokenizer_id": reading.tokenizer_id,
                "checkpoints": [asdict(checkpoint) for checkpoint in reading.checkpoints],
                "tokens": [
                    {**asdict(token), "log_probs_nats": [None if np.isnan(value) else float(value) for value in values]}
                    for token, values in zip(reading.passage.tokens, reading.log_probs_nats, strict=True)
                ],
            }
            for reading in history.readings
        ],
    }
