"""Tiny random models of several architectures, built without files or network."""

from __future__ import annotations

import torch
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BloomConfig,
    CohereConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoConfig,
    GPTNeoXConfig,
    LlamaConfig,
    Mamba2Config,
    MambaConfig,
    Olmo2Config,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    RwkvConfig,
)

VOCABULARY_SIZE = 97
CONTEXT_LENGTH = 32
SHARED = {"vocab_size": VOCABULARY_SIZE, "hidden_size": 32, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
# a wide initialisation, because the usual one makes all tokens about equally probable, which hides mistakes
ATTENTION = {"num_attention_heads": 2, "max_position_embeddings": CONTEXT_LENGTH, "initializer_range": 0.3}
TRANSFORMER = {**SHARED, **ATTENTION, "num_hidden_layers": 2, "intermediate_size": 64}


def configure(name: str) -> PretrainedConfig:
    """Return the configuration of one of the tiny models."""
    configurations = {
        "gpt_neox": lambda: GPTNeoXConfig(**TRANSFORMER),
        "gpt_neo": lambda: GPTNeoConfig(
            **SHARED,
            num_heads=2,
            num_layers=4,
            attention_types=[[["global", "local"], 2]],
            window_size=8,
            max_position_embeddings=CONTEXT_LENGTH,
            initializer_range=0.3,
        ),
        "gpt2": lambda: GPT2Config(**SHARED, **ATTENTION, n_layer=2),
        "opt": lambda: OPTConfig(
            **SHARED, **ATTENTION, num_hidden_layers=2, ffn_dim=64, word_embed_proj_dim=16, init_std=0.3
        ),
        "llama": lambda: LlamaConfig(**TRANSFORMER, num_key_value_heads=1),
        "qwen2": lambda: Qwen2Config(**TRANSFORMER, num_key_value_heads=1),
        "qwen3": lambda: Qwen3Config(**TRANSFORMER, num_key_value_heads=1, head_dim=16),
        "olmo2": lambda: Olmo2Config(**TRANSFORMER, num_key_value_heads=1),
        "phi": lambda: PhiConfig(**TRANSFORMER),
        "gemma2": lambda: Gemma2Config(
            **TRANSFORMER, num_key_value_heads=1, head_dim=16, sliding_window=8, final_logit_softcapping=2.0
        ),
        "cohere": lambda: CohereConfig(**TRANSFORMER, logit_scale=0.25),
        "bloom": lambda: BloomConfig(**SHARED, n_layer=2, n_head=2, initializer_range=0.3),
        "mamba": lambda: MambaConfig(**SHARED, num_hidden_layers=2, state_size=4, initializer_range=0.3),
        "mamba2": lambda: Mamba2Config(
            **SHARED, num_hidden_layers=2, state_size=4, num_heads=4, head_dim=16, n_groups=1, chunk_size=8
        ),
        "rwkv": lambda: RwkvConfig(
            **SHARED, num_hidden_layers=2, attention_hidden_size=32, intermediate_size=64, context_length=CONTEXT_LENGTH
        ),
        # sequences of more than 12 tokens have other rotary frequencies than shorter ones
        "phi3": lambda: Phi3Config(
            **TRANSFORMER,
            original_max_position_embeddings=12,
            rope_parameters={
                "rope_type": "longrope",
                "rope_theta": 10_000.0,
                "short_factor": [1.0] * 8,
                "long_factor": [4.0] * 8,
                "original_max_position_embeddings": 12,
            },
        ),
        "bert": lambda: BertConfig(**TRANSFORMER),
    }
    return configurations[name]()


def build_random_model(name: str, seed: int = 0, **fields: object) -> PreTrainedModel:
    """Return one of the tiny models with random weights, in evaluation mode. ``fields`` change its configuration."""
    configuration = configure(name)
    for field, value in fields.items():
        setattr(configuration, field, value)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(configuration)
    return model.eval()
