"""Models that look ahead are refused, even just initialised, when no output depends much on any other token."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, MixtralConfig, OlmoeConfig, RobertaConfig, XLNetConfig

from tests.support.architectures import SHARED, TRANSFORMER, configure
from trailhouse.errors import BadInputError
from trailhouse.models.scoring.causality import refuse_non_causal

TOKENS = torch.arange(16)
TYPES = (torch.float32, torch.bfloat16)
# The standard deviation of the initial weights in most model families
USUAL = 0.02
SMALL = {**TRANSFORMER, "initializer_range": USUAL}
LOOKING_AHEAD = {
    "bert": lambda: configure("bert"),
    "roberta": lambda: RobertaConfig(**(SMALL | {"pad_token_id": 1})),
    "xlnet": lambda: XLNetConfig(**SHARED, n_layer=2, n_head=2, d_head=16, d_inner=64, initializer_range=USUAL),
}
CAUSAL = {
    **{name: lambda name=name: configure(name) for name in ("gpt_neox", "opt", "bloom", "gemma2", "mamba", "rwkv")},
    "mixtral": lambda: MixtralConfig(**SMALL, num_key_value_heads=1, num_local_experts=4, num_experts_per_tok=2),
    "olmoe": lambda: OlmoeConfig(**SMALL, num_key_value_heads=1, num_experts=8, num_experts_per_tok=2),
    "bert as a decoder": lambda: with_decoder(configure("bert")),
}


def with_decoder(config):
    config.is_decoder = True
    return config


def build(configuration, dtype=torch.float32):
    """The model as it is initialised, with the usual standard deviation."""
    for name in ("initializer_range", "init_std"):
        if hasattr(configuration, name):
            setattr(configuration, name, USUAL)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(configuration).eval().to(dtype)


@torch.inference_mode()
def probe(model, tokens=TOKENS) -> None:
    refuse_non_causal(model, tokens)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", LOOKING_AHEAD)
def test_a_fresh_model_that_looks_ahead_is_refused(name, dtype):
    with pytest.raises(BadInputError, match="is no causal language model"):
        probe(build(LOOKING_AHEAD[name](), dtype))


@torch.no_grad()
def test_the_effect_of_later_tokens_on_a_fresh_model_is_below_that_of_rounding_in_half_precision():
    """So a fixed tolerance would miss it. The check compares the effects of later and of earlier tokens instead."""
    model = build(configure("bert"))
    changed = TOKENS.clone()
    changed[8:] += 40
    logits = model(input_ids=torch.stack([TOKENS, changed])).logits[:, :8].log_softmax(-1)
    assert 0 < (logits[0] - logits[1]).abs().max() < 1e-3


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", CAUSAL)
def test_a_fresh_causal_model_is_not_refused(name, dtype):
    probe(build(CAUSAL[name](), dtype))


def zero_residual_projections(model) -> None:
    for name, parameter in model.named_parameters():
        if name.endswith(("attention.dense.weight", "dense_4h_to_h.weight", "output.dense.weight", "embed_out.weight")):
            torch.nn.init.zeros_(parameter)


def test_projections_that_begin_at_zero_hide_nothing_and_stay_zero():
    looking_ahead, causal = build(configure("bert")), build(configure("gpt_neox"))
    for model in (looking_ahead, causal):
        zero_residual_projections(model)
    before = {name: tensor.clone() for name, tensor in causal.state_dict().items()}
    assert sum(not tensor.any() for name, tensor in before.items() if name.endswith("weight")) >= 4
    with pytest.raises(BadInputError, match="is no causal language model"):
        probe(looking_ahead)
    probe(causal)
    assert all(torch.equal(tensor, before[name]) for name, tensor in causal.state_dict().items())


def test_biases_of_zero_and_parameters_without_values_are_left_as_they_are():
    model = build(configure("gpt_neox"))
    model.register_parameter("empty", torch.nn.Parameter(torch.zeros(0)))
    model.register_parameter("offloaded", torch.nn.Parameter(torch.zeros(2, device="meta")))
    model.register_parameter("counts", torch.nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False))
    zero_residual_projections(model)
    changed = set()

    def note_changes(*_):
        parameters = [(name, parameter) for name, parameter in model.named_parameters() if not parameter.is_meta]
        changed.update(name for name, parameter in parameters if name in zeros and parameter.any())

    zeros = {name for name, parameter in model.named_parameters() if not parameter.is_meta and not parameter.any()}
    model.register_forward_pre_hook(note_changes)
    probe(model)
    assert changed == {name for name in zeros if name.endswith("weight")}
    assert {"counts", "gpt_neox.layers.0.attention.dense.bias"} < zeros - changed


@pytest.mark.parametrize("block", [2, 4, 8, 16])
def test_a_model_that_reads_the_tokens_of_a_block_in_both_directions_is_refused(block):
    model = build(configure("gpt_neox"))

    def mix(_, __, output):
        blocks = output.unflatten(1, (-1, block))
        return output + blocks.mean(2, keepdim=True).expand_as(blocks).flatten(1, 2)

    model.gpt_neox.embed_in.register_forward_hook(mix)
    with pytest.raises(BadInputError, match="is no causal language model"):
        probe(model)


def test_a_model_whose_outputs_depend_on_no_other_token_is_refused():
    model = build(configure("gpt_neox"))
    for layer in model.gpt_neox.layers:
        layer.attention.register_forward_hook(lambda _, __, output: (torch.zeros_like(output[0]), *output[1:]))
    with pytest.raises(BadInputError, match="it cannot be seen whether"):
        probe(model)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_short_context_is_enough(count):
    probe(build(configure("gpt_neox")), TOKENS[:count])
    if count > 1:
        with pytest.raises(BadInputError, match="is no causal language model"):
            probe(build(configure("bert")), TOKENS[:count])
