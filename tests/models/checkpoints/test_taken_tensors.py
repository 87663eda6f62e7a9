"""Tensors that a checkpoint may hold although its model does not use them, and those that are refused."""

from __future__ import annotations

import pytest

from tests.support.architectures import build_random_model
from trailhouse.models.checkpoints.taken_tensors import find_unexpected_tensor, find_untaken_tensor, is_computed_buffer

MASK = "gpt_neox.layers.0.attention.bias"


@pytest.fixture(scope="module")
def model():
    return build_random_model("gpt_neox")


def read_tensors(model) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: ("F32", tuple(tensor.shape)) for name, tensor in model.state_dict().items()}


def test_the_tensors_of_the_model_itself_fit(model):
    assert find_untaken_tensor(model, read_tensors(model)) is None


@pytest.mark.parametrize(
    ("shape", "is_mask"),
    [
        ((32, 32), True),
        ((1, 32, 32), True),
        ((1, 1, 32, 32), True),
        ((), True),  # the number that fills the mask
        ((1,), True),
        ((32,), False),
        ((2,), False),
        ((32, 16), False),
        ((1, 1, 16, 32), False),
        ((2, 32, 32), False),
        ((1, 2, 32, 32), False),
    ],
)
def test_a_causal_mask_is_known_by_its_shape(model, shape, is_mask):
    tensors = read_tensors(model) | {MASK: ("F32", shape)}
    expected = None if is_mask else f"the tensor {MASK} is not used by GPTNeoXForCausalLM (1 in all)"
    assert find_untaken_tensor(model, tensors) == expected


def test_a_mask_whose_shape_is_not_known_counts_as_one(model):
    assert find_unexpected_tensor(model, {}, [MASK]) is None


@pytest.mark.parametrize(
    ("name", "is_computed"),
    [
        (MASK, True),
        ("gpt_neox.layers.0.attention.masked_bias", True),
        ("gpt_neox.layers.0.attention.rotary_emb.inv_freq", True),
        ("inv_freq", True),
        ("gpt_neox.layers.0.attention.dense.bias", False),
        ("embed_out.weight", False),
    ],
)
def test_masks_and_buffers_that_models_compute_are_known_by_name(name, is_computed):
    assert is_computed_buffer(name) is is_computed


def test_the_first_tensor_without_a_place_is_named_with_their_number(model):
    tensors = read_tensors(model) | {"b.weight": ("F32", (2,)), "a.weight": ("F32", (2,))}
    message = "the tensor a.weight is not used by GPTNeoXForCausalLM (2 in all)"
    assert find_untaken_tensor(model, tensors) == message


@pytest.mark.parametrize("kind", ["I8", "U8", "BOOL", "uint8"])
def test_whole_numbers_are_no_weights(model, kind):
    name = "gpt_neox.layers.1.mlp.dense_h_to_4h.weight"
    tensors = read_tensors(model)
    tensors[name] = (kind, tensors[name][1])
    assert find_untaken_tensor(model, tensors) == (
        f"the tensor {name} holds whole numbers ({kind}), which are no weights by themselves"
    )
