"""Weight files: links, the names of shards, and the combined hash."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints import weight_files
from trailhouse.models.checkpoints.weight_files import (
    WeightFile,
    check_weight_file,
    choose_weight_names,
    combine_weight_hashes,
    list_weight_files,
)


def link(tmp_path, directory: str, target: str):
    """Make a checkpoint directory whose weights are a link to ``target``, a path from ``tmp_path``."""
    (tmp_path / directory).mkdir(parents=True)
    (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / target).write_bytes(b"weights")
    path = tmp_path / directory / "model.safetensors"
    path.symlink_to(tmp_path / target)
    return path


@pytest.mark.parametrize(
    ("directory", "target"),
    [("models--a/snapshots/commit", "models--a/blobs/hash"), ("run/step-1", "run/step-1/original.safetensors")],
)
def test_a_link_inside_the_checkpoint_or_to_the_blobs_of_its_cache_is_followed(tmp_path, directory, target):
    path = link(tmp_path, directory, target)
    assert list_weight_files(path.parent) == [path]


@pytest.mark.parametrize(
    ("directory", "target"),
    [
        ("runs/one/step-1", "runs/blobs/hash"),  # at ../../blobs, as in a Hugging Face cache, but this is none
        ("models--a/snapshots/commit", "models--b/blobs/hash"),
        ("models--a/snapshots/commit", "models--a/blobs.old/hash"),
        ("run/step-1", "run/step-10/model.safetensors"),
    ],
)
def test_a_link_to_anywhere_else_is_refused(tmp_path, directory, target):
    path = link(tmp_path, directory, target)
    with pytest.raises(BadInputError, match="leads out of the checkpoint"):
        list_weight_files(path.parent)


SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("names", "allow_pickle", "expected"),
    [
        (["model.safetensors", *SHARDS, INDEX, "pytorch_model.bin"], True, ["model.safetensors"]),
        ([*reversed(SHARDS), INDEX, "pytorch_model.bin"], True, SHARDS),
        (["pytorch_model.bin"], True, ["pytorch_model.bin"]),
        (
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
            True,
            ["pytorch_model-00001-of-00001.bin"],
        ),
    ],
)
def test_weights_are_chosen_by_name_safetensors_first(names, allow_pickle, expected):
    assert choose_weight_names(names, allow_pickle=allow_pickle) == expected


@pytest.mark.parametrize(
    ("names", "allow_pickle", "problem"),
    [
        ([SHARDS[0], INDEX], False, f"{SHARDS[1]} is not there"),
        (SHARDS, False, f"{INDEX} is not there"),
        (["pytorch_model.bin"], False, "the weights are pickled"),
        (["model.pt", "optimizer.pt"], True, r"the weights are pickled \(model\.pt\)"),
        (["optimizer.pt", "rng_state_0.pth", "training_args.bin"], True, "there is no model.safetensors"),
        (["README.md"], True, "there is no model.safetensors"),
    ],
)
def test_weights_that_are_incomplete_are_named(names, allow_pickle, problem):
    with pytest.raises(ValueError, match=problem):
        choose_weight_names(names, allow_pickle=allow_pickle)


def test_a_safetensors_file_is_checked_and_a_pickle_is_not_opened(tmp_path):
    sound, truncated, empty = (tmp_path / f"{name}.safetensors" for name in ("sound", "truncated", "empty"))
    save_file({"weight": torch.ones(4)}, sound)
    check_weight_file(sound)
    truncated.write_bytes(sound.read_bytes()[:-1])
    with pytest.raises(BadInputError, match=r"truncated\.safetensors"):
        check_weight_file(truncated)
    save_file({}, empty)
    with pytest.raises(BadInputError, match=r"empty\.safetensors: holds no tensors"):
        check_weight_file(empty)
    (tmp_path / "pytorch_model.bin").write_bytes(b"no weights")
    check_weight_file(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("index", "problem"),
    [
        ("{", "not an index of weight files"),
        ("[]", "not an index of weight files"),
        ({}, "not an index of weight files"),
        ({"weight_map": []}, "not an index of weight files"),
        ({"weight_map": {}}, "names no files"),
        ({"weight_map": {"a": 7}}, "7 is no file name of safetensors"),
        ({"weight_map": {"a": "../a.safetensors"}}, "is no file name of safetensors"),
        ({"weight_map": {"a": "a.bin"}}, "is no file name of safetensors"),
        ({"weight_map": {"a": "\0a.safetensors"}}, "is no file name of safetensors"),
        ({"weight_map": {"a": "gone.safetensors"}}, "names gone.safetensors, which is not there"),
        ({"weight_map": {"a": "one.safetensors"}}, "has no metadata"),
        ({"weight_map": {"a": "one.safetensors"}, "metadata": 3}, "has no metadata"),
        ({"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}, "metadata": {}}, None),
    ],
)
def test_an_index_names_files_beside_it(tmp_path, index, problem):
    (tmp_path / "one.safetensors").write_bytes(b"")
    (tmp_path / INDEX).write_text(index if isinstance(index, str) else json.dumps(index))
    if problem is None:
        assert list_weight_files(tmp_path) == [tmp_path / "one.safetensors"]
    else:
        with pytest.raises(BadInputError, match=problem):
            list_weight_files(tmp_path)


def test_an_index_of_64_mib_is_read_and_no_larger_one(tmp_path, monkeypatch):
    assert weight_files.MAXIMUM_INDEX_BYTES == 64 * 1024**2
    (tmp_path / "one.safetensors").write_bytes(b"")
    text = json.dumps({"weight_map": {"a": "one.safetensors"}, "metadata": {}})
    (tmp_path / INDEX).write_text(text)
    monkeypatch.setattr(weight_files, "MAXIMUM_INDEX_BYTES", len(text))
    assert len(list_weight_files(tmp_path)) == 1
    (tmp_path / INDEX).write_text(text + " ")
    with pytest.raises(BadInputError, match="not an index"):
        list_weight_files(tmp_path)


@pytest.mark.parametrize(
    ("files", "allow_pickle", "expected"),
    [
        (["model.safetensors", "pytorch_model.bin"], True, "model.safetensors"),
        (["pytorch_model.bin"], True, "pytorch_model.bin"),
        (["pytorch_model.bin"], False, BadInputError),
        (["model-00001-of-00002.safetensors"], False, BadInputError),
        ([], True, BadInputError),
        (["model.safetensors", "adapter_config.json"], False, BadInputError),
    ],
)
def test_pickles_are_listed_only_if_allowed_and_without_safetensors(tmp_path, files, allow_pickle, expected):
    for name in files:
        (tmp_path / name).write_bytes(b"{}")
    if isinstance(expected, str):
        assert list_weight_files(tmp_path, allow_pickle=allow_pickle) == [tmp_path / expected]
    else:
        with pytest.raises(expected):
            list_weight_files(tmp_path, allow_pickle=allow_pickle)


def test_the_combined_hash_is_of_the_hashes_in_name_order():
    files = [WeightFile("b", 1, "2" * 64), WeightFile("a", 1, "9" * 64)]
    lines = "9" * 64 + "\n" + "2" * 64 + "\n"
    assert combine_weight_hashes(files) == hashlib.sha256(lines.encode()).hexdigest()
    assert combine_weight_hashes(files[:1]) == "2" * 64
