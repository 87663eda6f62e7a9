"""This module compares the shards of a checkpoint with the index, which states the file of every tensor.

transformers reads every tensor of every shard, even if the index states another file. If two shards hold a tensor of
the same name, transformers uses the tensor that it reads last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.taken_tensors import is_computed_buffer
from trailhouse.models.checkpoints.tensor_shapes import read_tensor_shapes

HINT = "copy the checkpoint again, into an empty directory"


def check_shards(directory: Path, paths: Sequence[Path], index_name: str) -> None:
    """Check that every tensor is in the shard that the index states.

    Raises BadInputError naming the file and the tensor

    - if a tensor is missing in its shard,
    - if the index does not name a tensor of a shard, or
    - if another shard has a tensor of the same name with other bytes.
    """
    index: Any = json.loads((directory / index_name).read_bytes())
    owners: Mapping[str, str] = index["weight_map"]
    found = {path: set(_list_tensors(path)) for path in paths}
    for path, names in found.items():
        absent = sorted(name for name, owner in owners.items() if owner == path.name and name not in names)
        if absent:
            raise BadInputError(f"{path}: does not hold {absent[0]}, which {index_name} looks for in it", HINT)
    for path, names in found.items():
        for name in sorted(names):
            owner = owners.get(name)
            if owner is None and is_computed_buffer(name):
                continue
            if owner is None:
                raise BadInputError(f"{path}: holds the tensor {name}, which {index_name} does not name", HINT)
            if owner != path.name and not _are_equal(path, directory / owner, name):
                raise BadInputError(
                    f"{path}: holds the tensor {name} with other bytes than {owner}, where {index_name} says it is",
                    HINT,
                )


def read_all_tensor_shapes(paths: Sequence[Path]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the type and shape of every tensor of the weight files, which are safetensors or pickles."""
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    for path in paths:
        if path.suffix == ".safetensors":
            tensors |= read_tensor_shapes(path)
        else:
            content = _read_pickle(path, "meta")
            tensors |= {
                name: (str(one.dtype).removeprefix("torch."), tuple(one.shape)) for name, one in content.items()
            }
    return tensors


def _list_tensors(path: Path) -> list[str]:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            return list(file.keys())
    return list(_read_pickle(path, "meta"))


def _are_equal(left: Path, right: Path, name: str) -> bool:
    one, other = _read_tensor(left, name), _read_tensor(right, name)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one.contiguous().view(-1).view(torch.uint8), other.contiguous().view(-1).view(torch.uint8))


def _read_tensor(path: Path, name: str) -> torch.Tensor:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            tensor = file.get_tensor(name)
    else:
        tensor = _read_pickle(path, "cpu")[name]
    assert isinstance(tensor, torch.Tensor)
    return tensor


def _read_pickle(path: Path, device: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a pickle file. The unpickler can create nothing but tensors."""
    try:
        content: dict[str, torch.Tensor] = torch.load(path, map_location=device, weights_only=True, mmap=True)
    except RuntimeError:  # files from before torch 1.6 cannot be mapped into memory
        content = torch.load(path, map_location=device, weights_only=True)
    return {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
