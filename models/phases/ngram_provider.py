"""This module defines what a provider of n-gram scores outside the warehouse is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa


class NgramScore(NamedTuple):
    """What an n-gram model says about one word of a text."""

    log_prob_nats: float
    matched_order: int
    """The longest n-gram ending with the word that the model knows; 0 if it does not know the word."""


@runtime_checkable  # the flow that takes a provider checks its class
class NgramProvider(Protocol):
    """A program or service that scores the words of a text by n-grams of one or several orders."""

    @property
    def name(self) -> str:
        """The name of the provider in the warehouse."""

    @property
    def smoothing(self) -> str:
        """The smoothing of its scores."""

    @property
    def orders(self) -> Sequence[int]:
        """The orders that it scores."""

    @property
    def inputs(self) -> Mapping[str, object]:
        """All that determines the scores, apart from the texts."""

    def score(self, words: Sequence[str]) -> Mapping[int, Sequence[NgramScore]]:
        """Return the scores of the words of one text, from its first word on, by order."""


def tabulate_scores(provider: NgramProvider, texts: Iterable[Sequence[str]]) -> Iterator[pa.RecordBatch]:
    """Yield for every text the rows of its scores, without the columns that are equal in all rows."""
    for document_id, words in enumerate(texts):
        if not words:
            continue
        scores = provider.score(words)
        orders = [order for order in provider.orders for _ in words]
        flat = [score for order in provider.orders for score in scores[order]]
        yield pa.record_batch(
            {
                "document_id": pa.array(np.full(len(flat), document_id, np.int32)),
                "unit_index": pa.array(np.tile(np.arange(len(words), dtype=np.int32), len(provider.orders))),
                "ngram_order": pa.array(orders, pa.uint8()),
                "log_prob_nats": pa.array([score.log_prob_nats for score in flat], pa.float32()),
                "matched_order": pa.array([score.matched_order for score in flat], pa.uint8()),
            }
        )
