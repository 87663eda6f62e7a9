"""A model is loaded with every tensor of its checkpoint and nothing else, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, DeepseekV3Config, Glm4MoeConfig, MixtralConfig

from tests.support.architectures import ATTENTION, SHARED, TRANSFORMER, build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.scoring.load_model import (
    attention_implementation,
    library_versions,
    load_model,
    refuse_non_finite_weights,
)
from trailhouse.models.scoring.scoring_settings import ScoringSettings

INPUT_IDS = torch.arange(1, 20)[None]
EXPERTS = {**TRANSFORMER, "num_key_value_heads": 1, "n_routed_experts": 4, "num_experts_per_tok": 2}
LATENT = {
    "num_key_value_heads": 2,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}


def save(model, directory: Path) -> Path:
    model.save_pretrained(directory)
    return directory / "model.safetensors"


def change_tensors(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def change_config(directory: Path, **changes) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@torch.no_grad()
def assert_loads_as(model, directory: Path) -> None:
    """Check that the checkpoint, once loaded, gives the logits of ``model``, which was never read from a file."""
    loaded = load_model(directory, ScoringSettings())
    torch.testing.assert_close(loaded(input_ids=INPUT_IDS).logits, model(input_ids=INPUT_IDS).logits)


def refuse(directory: Path, pattern: str) -> None:
    with pytest.raises(BadInputError, match=pattern) as caught:
        load_model(directory, ScoringSettings())
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_weights_with_more_layers_than_the_configuration_says_are_refused(tmp_path):
    path = save(build_random_model("gpt_neox"), tmp_path)
    count = sum("layers.1." in name for name in load_file(path))
    change_config(tmp_path, num_hidden_layers=1)
    refuse(tmp_path, rf"the tensor gpt_neox\.layers\.1\.\S+ is not used by GPTNeoXForCausalLM \({count} in all\)")


def test_an_error_of_transformers_that_goes_on_in_the_next_line_is_told_in_one(tmp_path):
    save(build_random_model("gpt_neox"), tmp_path)
    change_config(tmp_path, num_attention_heads=5)
    refuse(tmp_path, r"the model does not load: .*validate_architecture': ValueError: The hidden size")


def test_biases_that_the_class_of_the_configuration_lacks_are_refused(tmp_path):
    """Qwen2 is Llama with biases in its attention."""
    save(build_random_model("qwen2"), tmp_path)
    change_config(tmp_path, model_type="llama", architectures=["LlamaForCausalLM"])
    refuse(tmp_path, r"model\.layers\.0\.self_attn\.k_proj\.bias is not used by LlamaForCausalLM \(6 in all\)")


@pytest.mark.parametrize(
    "name",
    [
        "gpt_neox.layers.0.attention.query_key_value.lora_A.weight",
        "base_model.model.gpt_neox.layers.0.attention.query_key_value.lora_A.default.weight",
        "gpt_neox.layers.0.mlp.dense_h_to_4h.weight_scale",
        "gpt_neox.layers.0.mlp.dense_h_to_4h.SCB",
        "v_head.summary.weight",
        "gpt_neox.layers.0.attention.bias",  # a bias, not the causal mask that older versions saved
    ],
)
def test_a_tensor_that_the_model_does_not_use_is_refused_by_its_name(tmp_path, name):
    path = save(build_random_model("gpt_neox"), tmp_path)
    change_tensors(path, lambda tensors: tensors.update({name: torch.ones(32)}))
    refuse(tmp_path, rf"the tensor {name} is not used by GPTNeoXForCausalLM \(1 in all\)")


def test_quantised_weights_are_refused_also_without_their_scales(tmp_path):
    path = save(build_random_model("gpt_neox"), tmp_path)
    name = "gpt_neox.layers.0.mlp.dense_h_to_4h.weight"
    change_tensors(path, lambda tensors: tensors.update({name: (tensors[name] * 100).to(torch.int8)}))
    refuse(tmp_path, rf"{name} holds whole numbers \(I8\)")


def test_two_tensors_for_one_of_the_model_are_refused(tmp_path):
    """Both are names of the LM head: embed_out in older versions of transformers. The last in the file would win."""
    path = save(build_random_model("gpt_neox"), tmp_path)
    change_tensors(path, lambda tensors: tensors.update({"lm_head.weight": torch.ones(97, 32)}))
    refuse(tmp_path, r"the tensors embed_out\.weight and lm_head\.weight are both for lm_head\.weight")


MASK = torch.ones(1, 1, 32, 32).tril().bool()
OLD_BUFFERS = {
    "gpt_neox": {
        "gpt_neox.layers.0.attention.bias": MASK,
        "gpt_neox.layers.0.attention.masked_bias": torch.tensor(-1e9),
        "gpt_neox.layers.0.attention.rotary_emb.inv_freq": torch.ones(4),
    },
    "gpt_neo": {
        "transformer.h.0.attn.attention.bias": MASK,
        "transformer.h.0.attn.attention.masked_bias": torch.tensor(-1e9),
    },
    "gpt2": {
        "transformer.h.0.attn.bias": MASK[0, 0],
        "transformer.h.1.attn.bias": MASK.float(),
        "transformer.h.1.attn.masked_bias": torch.tensor([-1e4]),
    },
    "llama": {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8), "model.position_ids": torch.arange(32)},
    "opt": {},
}


@pytest.mark.parametrize("name", OLD_BUFFERS)
def test_buffers_that_older_versions_saved_change_nothing(tmp_path, name):
    model = build_random_model(name)
    change_tensors(save(model, tmp_path), lambda tensors: tensors.update(OLD_BUFFERS[name]))
    assert_loads_as(model, tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_a_tied_head_may_be_saved_as_well(tmp_path, name):
    model = build_random_model(name)
    head = model.get_output_embeddings().weight.detach().clone()
    change_tensors(save(model, tmp_path), lambda tensors: tensors.update({"lm_head.weight": head}))
    assert_loads_as(model, tmp_path)


def test_a_body_without_the_prefix_of_its_class_is_taken(tmp_path):
    """The tensors of GPT-2 on the hub have names without the prefix `transformer`."""
    model = build_random_model("gpt2")
    path = save(model, tmp_path)
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    assert_loads_as(model, tmp_path)


def build(configuration):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(configuration).eval()


@pytest.mark.parametrize(
    "configuration",
    [
        MixtralConfig(**TRANSFORMER, num_key_value_heads=1, num_local_experts=4, num_experts_per_tok=2),
        DeepseekV3Config(
            **(EXPERTS | LATENT), moe_intermediate_size=16, n_group=2, topk_group=1, first_k_dense_replace=1
        ),
    ],
    ids=lambda configuration: configuration.model_type,
)
def test_experts_that_are_joined_into_one_tensor_are_taken(tmp_path, configuration):
    model = build(configuration)
    save(model, tmp_path)
    assert_loads_as(model, tmp_path)


def test_only_a_layer_that_predicts_further_ahead_may_lie_beyond_the_last_one(tmp_path):
    """GLM 4 has layers 0 to 45, and layer 46 to predict further ahead. transformers ignores all tensors of layer 46."""
    configuration = Glm4MoeConfig(**SHARED, **ATTENTION, num_key_value_heads=1, num_hidden_layers=46,
                                  intermediate_size=64, moe_intermediate_size=8, n_routed_experts=2,
                                  num_experts_per_tok=1, first_k_dense_replace=46)  # fmt: skip
    model = build(configuration)
    path = save(model, tmp_path)
    layer = {"model.layers.46.mlp.up_proj.weight": torch.ones(64, 32)}
    change_tensors(path, lambda tensors: tensors.update(layer))
    refuse(tmp_path, r"the tensor model\.layers\.46\.mlp\.up_proj\.weight is not used by Glm4MoeForCausalLM")
    change_tensors(path, lambda tensors: tensors.update({"model.layers.46.eh_proj.weight": torch.ones(32, 64)}))
    assert_loads_as(model, tmp_path)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin", "adapter_config.json"])
def test_an_adapter_beside_the_weights_is_refused_whether_peft_is_installed_or_not(tmp_path, name):
    save(build_random_model("gpt_neox"), tmp_path)
    (tmp_path / name).write_bytes(b"{}")
    refuse(tmp_path, f"{name}: an adapter lies beside the weights of a model")


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path):
    path = save(build_random_model("gpt_neox"), tmp_path)
    change_tensors(path, lambda tensors: tensors.update({"gpt_neox.final_layer_norm.bias": torch.ones(16)}))
    refuse(
        tmp_path, r"gpt_neox\.final_layer_norm\.bias has the shape \(16,\), and config\.json says \(32,\) \(1 in all\)"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_the_first_tensor_with_a_value_that_is_not_finite_is_named(value):
    model = build_random_model("gpt_neox")
    refuse_non_finite_weights(Path("here"), model)
    names = [name for name, _ in model.named_parameters()]
    with torch.no_grad():
        for name in (names[5], names[3]):
            model.get_parameter(name).view(-1)[-1] = value
    with pytest.raises(BadInputError, match=rf"^here: the tensor {names[3]} holds NaN or infinity"):
        refuse_non_finite_weights(Path("here"), model)


def test_finite_values_whose_sum_overflows_and_values_stored_elsewhere_are_not_refused():
    model = build_random_model("gpt_neox")
    with torch.no_grad():
        model.gpt_neox.final_layer_norm.bias.fill_(3e38)
    model.gpt_neox.final_layer_norm.weight = torch.nn.Parameter(torch.ones(32, device="meta"))
    refuse_non_finite_weights(Path("here"), model)


def test_the_libraries_and_the_attention_that_can_change_a_score_are_named():
    assert {"python", "torch", "transformers", "numpy"} <= library_versions().keys()
    assert library_versions()["torch"] == torch.__version__
    model = build_random_model("gpt_neox")
    assert attention_implementation(model) == "sdpa"
    model.config._attn_implementation = None
    assert attention_implementation(model) == ""


def test_a_loaded_model_drops_nothing_out_and_has_the_type_of_the_settings(tmp_path):
    model = build_random_model("gpt_neox")
    model.config.hidden_dropout = 0.5
    save(model, tmp_path)
    loaded = load_model(tmp_path, ScoringSettings(dtype="bfloat16"))
    assert (loaded.training, loaded.dtype) == (False, torch.bfloat16)


def test_experts_that_cannot_be_joined_are_named(tmp_path):
    path = save(build(MixtralConfig(**TRANSFORMER, num_key_value_heads=1, num_local_experts=4)), tmp_path)
    change_tensors(path, lambda tensors: tensors.pop("model.layers.0.block_sparse_moe.experts.1.w1.weight"))
    refuse(
        tmp_path, r"the tensor model\.layers\.0\.mlp\.experts\.gate_up_proj cannot be made from .*: Sizes of tensors"
    )
