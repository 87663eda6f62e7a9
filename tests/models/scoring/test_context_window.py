"""The context length and the stride of a checkpoint, and which of them enter the score key."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from transformers import GPTNeoXConfig, MambaConfig

from trailhouse.errors import UsageError
from trailhouse.models.scoring import context_window
from trailhouse.models.scoring.context_window import (
    UNLIMITED_CONTEXT_LENGTH,
    choose_context,
    find_context_length,
    find_stride,
)
from trailhouse.models.scoring.scoring_settings import ScoringSettings

DEFAULTS = ScoringSettings()
CONFIG = GPTNeoXConfig(max_position_embeddings=32)


@pytest.fixture
def choose(monkeypatch):
    """Choose the context of a checkpoint whose model reads 32 tokens."""
    monkeypatch.setattr(context_window, "read_config", lambda checkpoint: CONFIG)

    def choose_for(declared, **settings):
        choice = choose_context(SimpleNamespace(model_id="m"), declared, replace(DEFAULTS, **settings))
        key = choice.key_settings
        return choice.context_length, choice.stride, key.context_length, key.stride

    return choose_for


def test_the_default_is_what_the_suite_declares_within_what_the_model_reads(choose):
    assert choose(16) == (16, 8, 16, None)
    assert choose(32) == choose(64) == (32, 16, None, None)


def test_only_what_differs_from_the_defaults_enters_the_key(choose):
    assert choose(16, context_length=32) == (32, 16, None, None)
    assert choose(32, context_length=20, stride=10) == (20, 10, 20, None)
    assert choose(32, stride=16) == (32, 16, None, None)
    assert choose(32, stride=32) == (32, 32, None, 32)


def test_a_context_or_a_stride_that_is_too_large_is_refused_with_the_name_of_the_model(choose):
    with pytest.raises(UsageError, match="m: a context of 33 tokens is asked for, and the model has 32 positions"):
        choose(16, context_length=33)
    with pytest.raises(UsageError, match="m: stride 17 is larger than the context of 16"):
        choose(16, stride=17)


def test_a_model_without_positions_reads_as_many_tokens_as_asked_for():
    assert find_context_length(MambaConfig(), DEFAULTS) == UNLIMITED_CONTEXT_LENGTH == 2_048
    assert find_context_length(MambaConfig(), replace(DEFAULTS, context_length=10_000)) == 10_000
    assert find_context_length(CONFIG, replace(DEFAULTS, context_length=32)) == 32


def test_the_stride_is_at_least_one_token():
    assert [find_stride(length, DEFAULTS) for length in (1, 2, 3, 8)] == [1, 1, 1, 4]


def test_keys_from_before_the_choice_of_a_context_are_those_of_today():
    record = json.dumps(DEFAULTS.as_record(), sort_keys=True)
    assert record == (
        '{"context_length": null, "dtype": "float32", "quanta_per_nat": 10000, "scoring_method": 1,'
        ' "stride": null, "with_entropy": false, "with_target_rank": false}'
    )
