"""This module builds the table of option scores, with one row per option. Imported scores have the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:  # loading option_encoding takes seconds, and commands that import result files do not need it
    from trailhouse.models.few_shot.option_encoding import EncodedTask

OPTION_SCORE_SCHEMA = pa.schema(
    [
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("shot_count", pa.int16(), nullable=False),
        pa.field("seed", pa.int32(), nullable=False),
        pa.field("item_id", pa.int32(), nullable=False),
        pa.field("option_index", pa.int16(), nullable=False),
        pa.field("log_prob_nats", pa.float32(), nullable=False),
        pa.field("unconditional_log_prob_nats", pa.float32()),
        pa.field("token_count", pa.int32(), nullable=False),
        pa.field("character_count", pa.int32(), nullable=False),
        pa.field("byte_count", pa.int32(), nullable=False),
        pa.field("exemplar_count", pa.int16(), nullable=False),
        pa.field("prompt_token_count", pa.int32(), nullable=False),
        pa.field("truncated_token_count", pa.int32(), nullable=False),
    ]
)


def build_option_scores(
    encoded: EncodedTask, log_probs: Sequence[float], unconditional_log_probs: Sequence[float | None]
) -> pa.RecordBatch:
    """Return the scores of a task as a record batch. Log-probabilities are in nats, in order of item and option."""
    rows: list[dict[str, object]] = []
    for item_id, item in enumerate(encoded.items):
        for option_index, option in enumerate(item.options):
            text = encoded.task.items[item_id].options[option_index]
            rows.append(
                {
                    "task_id": encoded.task.task_id,
                    "shot_count": encoded.shot_count,
                    "seed": encoded.seed,
                    "item_id": item_id,
                    "option_index": option_index,
                    "log_prob_nats": log_probs[len(rows)],
                    "unconditional_log_prob_nats": unconditional_log_probs[len(rows)],
                    "token_count": option.token_count,
                    "character_count": len(text),
                    "byte_count": len(text.encode()),
                    "exemplar_count": item.exemplar_count,
                    "prompt_token_count": option.first_target,
                    "truncated_token_count": item.truncated_token_count,
                }
            )
    return pa.RecordBatch.from_pylist(rows, schema=OPTION_SCORE_SCHEMA)
