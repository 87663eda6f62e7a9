"""Histories of passages for tests: three models of random log-probabilities, one with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trailhouse.dashboards.passages.passage import Passage, PassageToken
from trailhouse.dashboards.passages.passage_history import PassageHistory, Reading, ScoredCheckpoint

CATEGORIES = ("upward", "downward", "stagnated", "other", None)


def make_passage(model_id: str, texts: Sequence[str], categories: Sequence[str | None] | None = None) -> Passage:
    ends = np.cumsum([len(text.encode()) for text in texts]).tolist()
    starts = [0, *ends[:-1]]
    given = categories or [CATEGORIES[index % len(CATEGORIES)] for index in range(len(texts))]
    return Passage(
        corpus_id="books",
        document_id=3,
        document_name="a <b>name</b>",
        model_id=model_id,
        convention_id="paper",
        start_percent=10,
        tokens=tuple(
            PassageToken(position, text, category, 0.25, 0.01, start, end)
            for position, (text, category, start, end) in enumerate(zip(texts, given, starts, ends, strict=True))
        ),
    )


def make_reading(
    model_id: str, texts: Sequence[str], steps: Sequence[int], *, tokenizer_id: str = "t", seed: int = 0
) -> Reading:
    """Return a reading of random log-probabilities. The first token has no score, as in a document without BOS.

    Perplexities fall, but rise here and there, so that the nearest one is not found by bisection.
    """
    generator = np.random.default_rng(seed)
    log_probs = -generator.exponential(3, size=(len(texts), len(steps))).astype(np.float32)
    log_probs[0] = np.nan
    losses = np.linspace(8, 3, len(steps)) + generator.normal(0, 0.4, len(steps))
    return Reading(
        passage=make_passage(model_id, texts),
        parameter_count=10**6,
        tokenizer_id=tokenizer_id,
        color="#0072B2",
        checkpoints=tuple(
            ScoredCheckpoint(step, step * (700 + seed), float(np.exp(loss)), float(loss / 3))
            for step, loss in zip(steps, losses, strict=True)
        ),
        log_probs_nats=log_probs,
    )


def make_history(*readings: Reading) -> PassageHistory:
    return PassageHistory(readings[0].passage, readings)
