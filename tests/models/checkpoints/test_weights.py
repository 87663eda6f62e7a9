"""Weights that an audit reads: values that are not finite, shapes, and a configuration that contradicts them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from tests.support.architectures import build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.audit import weights
from trailhouse.models.checkpoints.audit.weights import (
    find_configuration_mismatch,
    find_non_finite_tensor,
    find_tensor_of_another_model,
    read_shapes,
)
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.weight_files import WeightFile

SHAPES = (("embedding", (97, 32)), ("norm", (32,)))


def make(directory, *names: str) -> Checkpoint:
    files = tuple(WeightFile(name, 1, "a") for name in names)
    return Checkpoint("s", "s/m", 1, 1, directory, "a" * 64, "c" * 64, "t", 1, weight_files=files)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float8_e5m2])
def test_the_first_tensor_by_name_with_a_value_that_is_not_finite_is_found(tmp_path, value, dtype):
    sound = {"a": torch.ones(3, 2).to(dtype), "count": torch.tensor(3), "mask": torch.ones(2, dtype=torch.bool)}
    save_file(sound, tmp_path / "sound")
    assert find_non_finite_tensor(tmp_path / "sound") is None
    damaged = torch.ones(3, 2)
    damaged[2, 1] = value
    save_file({**sound, "c": damaged.to(dtype), "b": damaged.clone().to(dtype)}, tmp_path / "damaged")
    assert find_non_finite_tensor(tmp_path / "damaged") == "b"


def test_a_single_number_is_checked_and_an_empty_tensor_is_sound(tmp_path):
    save_file({"empty": torch.ones(0, 4), "thin": torch.ones(4, 0), "x": torch.tensor(1.0)}, tmp_path / "sound")
    assert find_non_finite_tensor(tmp_path / "sound") is None
    save_file({"x": torch.tensor(float("nan"))}, tmp_path / "damaged")
    assert find_non_finite_tensor(tmp_path / "damaged") == "x"


@pytest.mark.parametrize(
    ("shape", "blocks"), [((5, 4), [32, 32, 16]), ((5, 16), [64] * 5), ((9,), [32, 4]), ((3, 2, 2), [32, 16])]
)
def test_tensors_are_read_in_blocks_of_a_number_of_weights(tmp_path, monkeypatch, shape, blocks):
    assert weights.BLOCK_NUMBERS * 4 == 64 * 1024**2
    monkeypatch.setattr(weights, "BLOCK_NUMBERS", 8)
    save_file({"x": torch.ones(shape)}, tmp_path / "weights")
    seen: list[int] = []
    assert find_non_finite_tensor(tmp_path / "weights", seen.append) is None
    assert seen == blocks


def test_the_shapes_of_all_files_come_sorted_by_name_and_those_of_pickles_are_not_read(tmp_path):
    save_file({"b": torch.ones(2), "a": torch.ones(3, 4)}, tmp_path / "one.safetensors")
    save_file({"aa": torch.ones(1)}, tmp_path / "two.safetensors")
    checkpoint = make(tmp_path, "one.safetensors", "two.safetensors")
    assert read_shapes(checkpoint) == (("a", (3, 4)), ("aa", (1,)), ("b", (2,)))
    assert read_shapes(replace(checkpoint, is_pickled=True)) == ()


@pytest.mark.parametrize(
    ("config", "is_wrong"),
    [
        ({"vocab_size": 97, "hidden_size": 32}, False),
        ({"vocab_size": 97, "n_embd": 32}, False),
        ({"vocab_size": 97, "hidden_size": 64, "word_embed_proj_dim": 32}, False),
        ({"text_config": {"vocab_size": 97, "d_model": 32}, "vocab_size": 5}, False),
        ({"vocab_size": 97}, False),
        ({"hidden_size": 33}, False),
        ([], False),
        ({"vocab_size": 96, "hidden_size": 32}, True),
        ({"vocab_size": 97, "hidden_size": 33}, True),
        ({"vocab_size": 32, "hidden_size": 97}, True),
    ],
)
def test_a_vocabulary_and_a_width_must_be_those_of_a_matrix(tmp_path, config, is_wrong):
    (tmp_path / "config.json").write_text(json.dumps(config))
    message = find_configuration_mismatch(make(tmp_path), SHAPES)
    assert (message is not None) is is_wrong
    if message is not None:
        sizes = (config["vocab_size"], config["hidden_size"])
        assert message.startswith("config.json states a vocabulary of {} and a width of {}".format(*sizes))
    assert find_configuration_mismatch(make(tmp_path), ()) is None


def test_a_vector_is_no_matrix_of_embeddings(tmp_path):
    (tmp_path / "config.json").write_text('{"vocab_size": 97, "hidden_size": 32}')
    assert find_configuration_mismatch(make(tmp_path), (("a", (97, 32, 1)),)) is not None


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000])
def test_a_configuration_that_is_no_json_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInputError, match=r"config\.json: not JSON"):
        find_configuration_mismatch(make(tmp_path), SHAPES)


def test_tensors_of_another_model_are_found_in_safetensors_of_known_models_only(tmp_path):
    build_random_model("gpt_neox").save_pretrained(tmp_path)
    checkpoint = make(tmp_path, "model.safetensors")
    assert find_tensor_of_another_model(checkpoint) is None
    save_file({"intruder": torch.ones(2)}, tmp_path / "more.safetensors")
    both = make(tmp_path, "model.safetensors", "more.safetensors")
    assert "intruder" in str(find_tensor_of_another_model(both))
    assert find_tensor_of_another_model(replace(both, is_pickled=True)) is None
    (tmp_path / "config.json").write_text('{"model_type": "unknown"}')
    assert find_tensor_of_another_model(replace(both, config_sha256="d" * 64)) is None
