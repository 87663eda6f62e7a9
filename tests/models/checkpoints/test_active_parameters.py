"""How many parameters of a mixture of experts work on one token."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DbrxConfig,
    DeepseekV3Config,
    GPTNeoXConfig,
    GptOssConfig,
    HunYuanMoEV1Config,
    JetMoeConfig,
    MixtralConfig,
    OlmoeConfig,
    Qwen2MoeConfig,
)

from tests.support.architectures import TRANSFORMER
from trailhouse.models.checkpoints import active_parameters
from trailhouse.models.checkpoints.active_parameters import count_active_parameters

HEADS = {**TRANSFORMER, "num_key_value_heads": 2}
LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
EXPERTS = 6

# Functions that return a configuration for a number of experts. In each of them, two experts work on a token.
MIXTURES = {
    "mixtral": lambda count: MixtralConfig(**HEADS, num_local_experts=count, num_experts_per_tok=2),
    "olmoe": lambda count: OlmoeConfig(**HEADS, num_experts=count, num_experts_per_tok=2),
    "qwen2_moe": lambda count: Qwen2MoeConfig(
        **HEADS, num_experts=count, num_experts_per_tok=2, moe_intermediate_size=16, shared_expert_intermediate_size=24
    ),
    "deepseek_v3": lambda count: DeepseekV3Config(
        **HEADS, **LATENT, n_routed_experts=count, num_experts_per_tok=2, n_group=1, topk_group=1,
        first_k_dense_replace=1, moe_intermediate_size=16, n_shared_experts=2,
    ),
    "gpt_oss": lambda count: GptOssConfig(**HEADS, num_local_experts=count, num_experts_per_tok=2, head_dim=16),
    "jetmoe": lambda count: JetMoeConfig(
        **HEADS, num_local_experts=count, num_experts_per_tok=2, kv_channels=16
    ),
    "dbrx": lambda count: DbrxConfig(
        d_model=32, n_heads=2, n_layers=2, vocab_size=97, attn_config={"rope_theta": 1e4, "kv_n_heads": 2},
        ffn_config={"ffn_hidden_size": 16, "moe_num_experts": count, "moe_top_k": 2},
    ),
    # The configuration states the number for each layer, and only the routers state it as one number
    "hunyuan_v1_moe": lambda count: HunYuanMoEV1Config(**HEADS, num_experts=count, moe_topk=[2, 2], head_dim=16),
}  # fmt: skip


def build(configuration):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(configuration)


def count_parameters(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", MIXTURES)
def test_the_experts_that_a_token_does_not_reach_are_left_out(name):
    """Of two experts, both work on every token. Each further expert adds only its row of the router to the count."""
    configure = MIXTURES[name]
    model, smallest = build(configure(EXPERTS)), build(configure(2))
    assert count_active_parameters(smallest) == count_parameters(smallest)
    row = sum(parameter[0].numel() for name, parameter in model.named_parameters() if is_of_router(name))
    assert row > 0
    assert count_active_parameters(model) == count_parameters(smallest) + (EXPERTS - 2) * row
    assert count_parameters(model) > count_active_parameters(model) + (EXPERTS - 2) * row


def is_of_router(name: str) -> bool:
    return any(part in name for part in ("router.", "mlp.gate.", "block_sparse_moe.gate."))


def test_a_published_size_is_reproduced():
    """Mixtral 8x7B has 46.7 billion parameters and uses 12.9 billion of them for a token (Jiang et al. 2024)."""
    model = build(MixtralConfig())
    assert count_parameters(model) == 46_702_792_704
    assert count_active_parameters(model) == 12_879_925_248


def test_of_a_dense_model_all_parameters_work_on_a_token():
    model = build(GPTNeoXConfig(**TRANSFORMER))
    assert count_active_parameters(model) == count_parameters(model)


@pytest.mark.parametrize(
    ("name", "shape", "expert_count", "expected"),
    [
        ("layers.0.mlp.experts.gate_up_proj", (6, 4, 8), 6, 6),
        ("layers.0.mlp.experts.gate_up_proj", (6, 4, 8), None, 6),
        ("layers.0.mlp.experts.w1", (12, 8), 6, 6),
        ("layers.0.mlp.experts.w1", (13, 8), 6, 1),
        ("layers.0.mlp.experts.w1", (12, 8), None, 1),
        ("layers.0.mlp.experts.bias", (6,), 6, 1),
        ("layers.0.mlp.shared_experts.w1", (6, 4, 8), 6, 1),
        ("layers.0.mlp.router.weight", (6, 32), 6, 1),
        ("layers.0.mlp.input_linear.weight", (6, 4, 8), 6, 6),
        ("layers.0.mlp.input_linear.weight", (5, 4, 8), 6, 1),
        ("layers.0.mlp.input_linear.weight", (6, 4), 6, 1),
        ("layers.0.conv.weight", (6, 1, 4), 6, 1),
        ("layers.0.conv.weight", (6, 2, 4), 6, 6),
    ],
)
def test_the_experts_of_one_parameter_are_known_by_its_name_and_shape(name, shape, expert_count, expected):
    assert active_parameters._count_experts(name, shape, expert_count) == expected


def test_a_count_is_the_first_positive_integer_also_of_the_feed_forward_configuration():
    read = active_parameters._read_count
    assert read(SimpleNamespace(a=0, b=3), ("a", "b")) == 3
    assert read(SimpleNamespace(a=[2], b=None), ("a", "b")) is None
    assert read(SimpleNamespace(a=-1, ffn_config=SimpleNamespace(b=1)), ("a", "b")) == 1
    assert read(SimpleNamespace(b=5, ffn_config=SimpleNamespace(a=1)), ("a", "b")) == 5


@pytest.mark.parametrize(("choices", "expected"), [((0, 2), 2), ((1, 2), 1), ((None, "4"), None)])
def test_the_choice_of_the_first_router_counts_and_not_that_of_the_model_itself(choices, expected):
    model = torch.nn.Sequential(*(torch.nn.Identity() for _ in choices))
    model.top_k = 50  # transformers may keep a setting of text generation here
    for module, choice in zip(model, choices, strict=True):
        module.top_k = choice
    assert active_parameters._find_router_choice(model) == expected
