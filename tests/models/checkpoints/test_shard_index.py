"""The index of the shards decides which file holds which tensor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.architectures import build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.weight_files import check_index, list_weight_files
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings

SHARDS = ("model-00001-of-00002", "model-00002-of-00002")
NAME = "gpt_neox.final_layer_norm.weight"


def write(directory: Path, shards, *, is_pickled: bool = False, weight_map=None) -> None:
    """Write two shards and an index. If both shards hold a tensor, the index names the first."""
    stem, suffix = ("pytorch_model", "bin") if is_pickled else ("model", "safetensors")
    names = [f"{shard.replace('model', stem, 1)}.{suffix}" for shard in SHARDS]
    owners: dict[str, str] = {}
    for name, tensors in zip(names, shards, strict=True):
        if is_pickled:
            torch.save(tensors, directory / name)
        else:
            save_file(tensors, directory / name, metadata={"format": "pt"})
        for tensor in tensors:
            owners.setdefault(tensor, name)
    index = {"metadata": {}, "weight_map": owners | (weight_map or {})}
    (directory / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))


@pytest.fixture
def shards(tmp_path):
    """The tensors of a model's two shards; the first one holds the last norm."""
    build_random_model("gpt_neox").save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    first = {name: tensors.pop(name) for name in [NAME, *list(tensors)[:3]] if name in tensors}
    return first, tensors


def check(directory: Path) -> None:
    check_index(directory, list_weight_files(directory))


@pytest.mark.parametrize("is_pickled", [False, True])
def test_a_stale_copy_in_another_shard_is_refused(tmp_path, shards, is_pickled):
    first, second = shards
    write(tmp_path, (first, second | {NAME: first[NAME] + 1}), is_pickled=is_pickled)
    with pytest.raises(BadInputError, match=rf"00002\S+: holds the tensor {NAME} with other bytes than \S+00001-of"):
        load_model(tmp_path, ScoringSettings(), allow_pickle=is_pickled)


@pytest.mark.parametrize("is_pickled", [False, True])
def test_a_copy_with_the_same_bytes_is_harmless(tmp_path, shards, is_pickled):
    first, second = shards
    write(tmp_path, (first, second | {NAME: first[NAME].clone()}), is_pickled=is_pickled)
    model = load_model(tmp_path, ScoringSettings(), allow_pickle=is_pickled)
    torch.testing.assert_close(model.state_dict(), build_random_model("gpt_neox").state_dict())


@pytest.mark.parametrize("change", [lambda norm: norm.half(), lambda norm: norm[:16].clone(), lambda norm: norm * -0.0])
def test_a_copy_of_another_type_or_shape_or_sign_is_a_stale_one(tmp_path, shards, change):
    first, second = shards
    write(tmp_path, (first | {NAME: first[NAME] * 0.0}, second | {NAME: change(first[NAME])}))
    with pytest.raises(BadInputError, match="with other bytes"):
        check(tmp_path)


def test_a_tensor_that_the_index_does_not_name_is_refused_unless_it_is_a_computed_buffer(tmp_path, shards):
    write(tmp_path, shards)
    path = tmp_path / f"{SHARDS[1]}.safetensors"
    tensors = load_file(path) | {"gpt_neox.layers.0.attention.rotary_emb.inv_freq": torch.ones(4)}
    save_file(tensors, path)
    check(tmp_path)
    save_file(tensors | {"lora_A.weight": torch.ones(4)}, path)
    with pytest.raises(BadInputError, match=r"holds the tensor lora_A\.weight, which \S+ does not name"):
        check(tmp_path)


def test_a_tensor_that_is_not_where_the_index_says_is_named(tmp_path, shards):
    write(tmp_path, shards, weight_map={NAME: f"{SHARDS[1]}.safetensors"})
    with pytest.raises(BadInputError, match=rf"00002\S+: does not hold {NAME}"):
        check(tmp_path)


def test_an_index_without_metadata_is_named(tmp_path, shards):
    write(tmp_path, shards)
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": json.loads(path.read_text())["weight_map"]}))
    with pytest.raises(BadInputError, match=r"index\.json: has no metadata"):
        load_model(tmp_path, ScoringSettings())
