"""This module defines a generated text and its form as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class Prompt:
    """The tokens that begin a text."""

    prompt_id: int
    """Number of the document that the prompt comes from. The noise of sampling depends on it."""
    token_ids: npt.NDArray[np.int32]


@dataclass(frozen=True)
class GeneratedText:
    """The L tokens that were generated after one prompt."""

    prompt_id: int
    token_ids: npt.NDArray[np.int32]
    """Token ids (L,) without the prompt."""
    is_fallback: npt.NDArray[np.bool_]
    """Per token (L,): whether no probability mass was left, so that the favoured model's best token was taken."""
    small_log_prob_nats: npt.NDArray[np.float32]
    """Log-probability of each token (L,) under the small model alone."""
    large_log_prob_nats: npt.NDArray[np.float32]
    """Log-probability of each token (L,) under the large model alone."""
    close_decision_count: int
    """Number of tokens that were chosen again from a forward pass over this text alone."""


GENERATED_TEXT_SCHEMA = pa.schema(
    [
        pa.field("prompt_document_id", pa.int32(), nullable=False),
        pa.field("token_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("is_fallback", pa.list_(pa.bool_()), nullable=False),
        pa.field("small_log_prob_nats", pa.list_(pa.float32()), nullable=False),
        pa.field("large_log_prob_nats", pa.list_(pa.float32()), nullable=False),
    ]
)


def generated_text_batch(texts: Sequence[GeneratedText]) -> pa.RecordBatch:
    """Return generated texts as a record batch of ``GENERATED_TEXT_SCHEMA``, in their order."""
    columns = [
        [text.prompt_id for text in texts],
        [text.token_ids for text in texts],
        [text.is_fallback for text in texts],
        [text.small_log_prob_nats for text in texts],
        [text.large_log_prob_nats for text in texts],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, GENERATED_TEXT_SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=GENERATED_TEXT_SCHEMA)
