"""The table of option scores: one row per option, with what its prompt and its text consist of."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.support.option_tasks import build_encoded_task
from trailhouse.models.few_shot.option_scores import OPTION_SCORE_SCHEMA, build_option_scores


def test_each_option_has_a_row_in_order_of_item_and_option():
    encoded = dataclasses.replace(build_encoded_task(item_count=3), shot_count=4, seed=9)
    options = [option for item in encoded.items for option in item.options]
    log_probs = [-0.5 - index for index in range(len(options))]
    unconditional = [None if index % 2 else -9.0 for index in range(len(options))]
    rows = build_option_scores(encoded, log_probs, unconditional).to_pylist()
    assert [(row["item_id"], row["option_index"]) for row in rows] == [
        (item_id, index) for item_id, item in enumerate(encoded.items) for index in range(len(item.options))
    ]
    assert [row["log_prob_nats"] for row in rows] == [np.float32(value) for value in log_probs]
    assert [row["unconditional_log_prob_nats"] for row in rows] == unconditional
    assert [row["token_count"] for row in rows] == [len(one.token_ids) - one.first_target for one in options]
    assert [row["prompt_token_count"] for row in rows] == [one.first_target for one in options]
    texts = [text for item in encoded.task.items for text in item.options]
    assert [(row["character_count"], row["byte_count"]) for row in rows] == [
        (len(text), len(text.encode())) for text in texts
    ]
    assert {(row["task_id"], row["shot_count"], row["seed"], row["exemplar_count"]) for row in rows} == {("t", 4, 9, 2)}
    assert {row["truncated_token_count"] for row in rows} == {0}


def test_only_the_unconditional_score_may_be_null():
    assert [field.name for field in OPTION_SCORE_SCHEMA if field.nullable] == ["unconditional_log_prob_nats"]
