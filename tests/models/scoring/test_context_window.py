"""The context length and the stride of a checkpoint, and which of them enter the score key."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BioGptConfig,
    BloomConfig,
    CamembertConfig,
    Data2VecTextConfig,
    FalconConfig,
    GPT2Config,
    GPTNeoXConfig,
    MambaConfig,
    MptConfig,
    OPTConfig,
    RobertaConfig,
    RobertaPreLayerNormConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
    XLNetConfig,
    XmodConfig,
)

from tests.support.architectures import configure
from trailhouse.errors import UsageError
from trailhouse.models.scoring import context_window
from trailhouse.models.scoring.context_window import (
    UNLIMITED_CONTEXT_LENGTH,
    choose_context,
    find_context_length,
    find_stride,
)
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.text_beginning import TextBeginning

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


def test_the_evaluation_key_leaves_out_the_number_of_tokens_that_a_model_reads_by_itself(monkeypatch):
    """A RoBERTa model with 514 positions reads 512 tokens. Its evaluation key holds None for these 512."""
    config = RobertaConfig(max_position_embeddings=514, pad_token_id=1)
    monkeypatch.setattr(context_window, "read_config", lambda checkpoint: config)
    own, shorter = (choose_context(SimpleNamespace(model_id="m"), length, DEFAULTS) for length in (512, 256))
    assert (own.context_length, own.evaluation_key_settings.context_length) == (512, None)
    assert (shorter.context_length, shorter.evaluation_key_settings.context_length) == (256, 256)


def test_a_beginning_enters_both_keys_and_the_settings_of_a_checkpoint(monkeypatch):
    monkeypatch.setattr(context_window, "read_config", lambda checkpoint: CONFIG)
    choice = choose_context(SimpleNamespace(model_id="m"), 32, DEFAULTS, TextBeginning("bos", (1,), "<s>"))
    assert choice.complete(DEFAULTS) == replace(DEFAULTS, context_length=32, stride=16, text_beginning_token_ids=(1,))
    for key in (choice.key_settings, choice.evaluation_key_settings):
        assert key == replace(DEFAULTS, text_beginning_token_ids=(1,))


def test_a_context_or_a_stride_that_is_too_large_is_refused_with_the_name_of_the_model(choose):
    with pytest.raises(UsageError, match="m: a context of 33 tokens is asked for, and the model has 32 positions"):
        choose(16, context_length=33)
    with pytest.raises(UsageError, match="m: stride 17 is larger than the context of 16"):
        choose(16, stride=17)


def test_a_model_without_positions_reads_as_many_tokens_as_asked_for():
    assert find_context_length(MambaConfig(), DEFAULTS) == UNLIMITED_CONTEXT_LENGTH == 2_048
    assert find_context_length(MambaConfig(), replace(DEFAULTS, context_length=10_000)) == 10_000
    assert find_context_length(CONFIG, replace(DEFAULTS, context_length=32)) == 32


ROBERTA_LIKE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SMALL = {"vocab_size": 97, "bos_token_id": 0, "eos_token_id": 0}
# Each configuration has a limit of 20 tokens
LIMITED = {
    "roberta": RobertaConfig(**SMALL, **ROBERTA_LIKE, pad_token_id=1, max_position_embeddings=22, is_decoder=True),
    "camembert": CamembertConfig(**SMALL, **ROBERTA_LIKE, pad_token_id=3, max_position_embeddings=24, is_decoder=True),
    "xlm-roberta": XLMRobertaConfig(
        **SMALL, **ROBERTA_LIKE, pad_token_id=1, max_position_embeddings=22, is_decoder=True
    ),
    "xlm-roberta-xl": XLMRobertaXLConfig(
        **SMALL, **ROBERTA_LIKE, pad_token_id=1, max_position_embeddings=22, is_decoder=True
    ),
    "xmod": XmodConfig(
        **SMALL, **ROBERTA_LIKE, pad_token_id=1, max_position_embeddings=22, is_decoder=True, default_language="en_XX"
    ),
    "roberta-prelayernorm": RobertaPreLayerNormConfig(
        **SMALL, **ROBERTA_LIKE, pad_token_id=1, max_position_embeddings=22, is_decoder=True
    ),
    "data2vec-text": Data2VecTextConfig(
        **SMALL, **ROBERTA_LIKE, pad_token_id=1, max_position_embeddings=22, is_decoder=True
    ),
    "opt": OPTConfig(
        **SMALL, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, word_embed_proj_dim=16,
        max_position_embeddings=20,
    ),
    "gpt2": GPT2Config(**SMALL, n_embd=16, n_layer=1, n_head=2, n_positions=20),
    "mpt": MptConfig(**SMALL, d_model=16, n_layers=1, n_heads=2, max_seq_len=20),
    "biogpt": BioGptConfig(**SMALL, **ROBERTA_LIKE, max_position_embeddings=20, pad_token_id=1),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITED)
def test_the_limit_is_the_largest_number_of_tokens_that_the_model_runs_on(name):
    config = LIMITED[name]
    model = AutoModelForCausalLM.from_config(config).eval()
    limit = find_context_length(config, DEFAULTS)
    tokens = torch.full((1, limit + 1), 5)
    with torch.inference_mode():
        assert model(input_ids=tokens[:, :limit]).logits.shape[1] == limit == 20
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=tokens)
    with pytest.raises(UsageError, match="the model has 20 positions"):
        find_context_length(config, replace(DEFAULTS, context_length=21))


@torch.inference_mode()
def test_a_model_with_alibi_reads_more_tokens_than_it_states():
    config = FalconConfig(**SMALL, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, alibi=True,
                          max_position_embeddings=20)  # fmt: skip
    assert find_context_length(config, DEFAULTS) == 20
    assert find_context_length(config, replace(DEFAULTS, context_length=40)) == 40
    assert AutoModelForCausalLM.from_config(config)(input_ids=torch.full((1, 40), 5)).logits.shape[1] == 40
    bloom = BloomConfig(**SMALL, hidden_size=16, n_layer=1, n_head=2)
    assert find_context_length(bloom, DEFAULTS) == UNLIMITED_CONTEXT_LENGTH
    assert find_context_length(bloom, replace(DEFAULTS, context_length=10_000)) == 10_000


def test_minus_one_position_is_no_limit():
    assert XLNetConfig().max_position_embeddings == -1
    assert find_context_length(XLNetConfig(), DEFAULTS) == UNLIMITED_CONTEXT_LENGTH
    assert find_context_length(XLNetConfig(), replace(DEFAULTS, context_length=10_000)) == 10_000


def test_a_limit_that_was_not_known_before_keeps_the_keys_of_scores_within_it(monkeypatch):
    """Earlier versions scored an MPT model with at most 2,048 tokens, whatever limit its configuration stated."""
    monkeypatch.setattr(context_window, "read_config", lambda checkpoint: MptConfig(max_seq_len=8_192))

    def choose(declared: int) -> tuple[int, int | None]:
        choice = choose_context(SimpleNamespace(model_id="m"), declared, DEFAULTS)
        return choice.context_length, choice.key_settings.context_length

    assert choose(2_048) == (2_048, None)
    assert choose(8_192) == (8_192, 8_192)
    assert choose(512) == (512, 512)
    monkeypatch.setattr(context_window, "read_config", lambda checkpoint: LIMITED["roberta"])
    assert choose(22) == (20, None)
    assert choose(20) == (20, 20)
    monkeypatch.setattr(context_window, "read_config", lambda checkpoint: MptConfig(max_seq_len=1_024))
    assert choose(1_024) == (1_024, 1_024)
    assert choose(2_048) == (1_024, None)


def test_an_entry_of_another_type_of_model_is_no_limit():
    assert find_context_length(MambaConfig(**{"max_seq_len": 512}), DEFAULTS) == UNLIMITED_CONTEXT_LENGTH


def test_the_stride_is_at_least_one_token():
    assert [find_stride(length, DEFAULTS) for length in (1, 2, 3, 8)] == [1, 1, 1, 4]


def test_keys_from_before_the_choice_of_a_context_are_those_of_today():
    record = json.dumps(DEFAULTS.as_record(), sort_keys=True)
    assert record == (
        '{"context_length": null, "dtype": "float32", "quanta_per_nat": 10000, "scoring_method": 1,'
        ' "stride": null, "with_entropy": false, "with_target_rank": false}'
    )


@pytest.mark.parametrize(
    ("context_length", "expected"), [(12, {}), (13, {"rotary_switch_length": 12}), (None, {"rotary_switch_length": 12})]
)
def test_a_key_states_the_switch_of_rotary_frequencies_only_if_the_context_is_longer(
    monkeypatch, context_length, expected
):
    """Earlier versions scored texts below and above this length in one batch, and wrongly, so the key must differ."""
    monkeypatch.setattr(context_window, "read_config", lambda _: configure("phi3"))
    settings = replace(DEFAULTS, context_length=context_length)
    assert choose_context(SimpleNamespace(model_id="m"), 32, settings).rotary_record == expected


def test_the_keys_of_other_models_state_no_switch(monkeypatch):
    monkeypatch.setattr(context_window, "read_config", lambda _: configure("llama"))
    assert choose_context(SimpleNamespace(model_id="m"), 32, DEFAULTS).rotary_record == {}


@pytest.mark.parametrize(
    ("context_length", "stride", "hint"),
    [(2, None, "use a context length of at least 3"), (5, 4, "use a stride of at most 3"), (3, 1, None), (5, 3, None)],
)
def test_a_context_has_room_for_a_token_after_a_beginning_and_for_the_stride(context_length, stride, hint):
    settings = ScoringSettings(context_length=context_length, stride=stride, text_beginning_token_ids=(7, 8))
    if hint is None:
        assert find_stride(context_length, settings) == stride
    else:
        with pytest.raises(UsageError) as caught:
            find_stride(context_length, settings)
        assert caught.value.hint == hint
