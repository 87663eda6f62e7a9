"""Generated texts become records of the schema."""

import numpy as np

from trailhouse.models.sequences.decoding.generated_text import (
    GENERATED_TEXT_SCHEMA,
    GeneratedText,
    generated_text_batch,
)


def test_texts_are_records_in_their_order():
    texts = [
        GeneratedText(
            prompt_id,
            np.array([1, 2 + prompt_id], np.int32),
            np.array([False, True]),
            np.array([-1.5, -0.25], np.float32),
            np.array([-2.5, 0], np.float32),
            1,
        )
        for prompt_id in (7, 3)
    ]
    batch = generated_text_batch(texts)
    assert batch.schema == GENERATED_TEXT_SCHEMA
    assert [field.name for field in batch.schema] == [
        "prompt_document_id",
        "token_ids",
        "is_fallback",
        "small_log_prob_nats",
        "large_log_prob_nats",
    ]
    assert batch.to_pylist()[1] == {
        "prompt_document_id": 3,
        "token_ids": [1, 5],
        "is_fallback": [False, True],
        "small_log_prob_nats": [-1.5, -0.25],
        "large_log_prob_nats": [-2.5, 0.0],
    }
    assert batch.num_rows == 2


def test_no_texts_are_no_records():
    assert generated_text_batch([]).num_rows == 0
