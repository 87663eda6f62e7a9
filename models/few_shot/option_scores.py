"""The table of option scores, whoever computed them."""

from __future__ import annotations

import pyarrow as pa

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
