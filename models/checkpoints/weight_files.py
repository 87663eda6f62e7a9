"""This module finds the weight files of a checkpoint, checks their headers, and combines their hashes.

Weight files are safetensors files, or pickle files if the suite allows pickles for the model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.foreign_weights import ADAPTER_HINT, explain_foreign_weights, find_adapter
from trailhouse.models.checkpoints.shard_index import check_shards
from trailhouse.models.checkpoints.tensor_shapes import read_tensor_shapes

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
PICKLED_SINGLE_NAME = "pytorch_model.bin"
PICKLED_INDEX_NAME = "pytorch_model.bin.index.json"
PICKLED_NAMES = (PICKLED_SINGLE_NAME, PICKLED_INDEX_NAME)
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# Files in which trainers keep the state of a run; they hold no weights
TRAINING_STATE_NAME = re.compile(r"(optimizer|scheduler|scaler|rng_state(_\d+)?|training_args)\.(bin|pt|pth)")
SHARD_NAME = re.compile(r"(?P<stem>model|pytorch_model)-(?P<number>\d{5})-of-(?P<count>\d{5})\.(safetensors|bin)")
MAXIMUM_INDEX_BYTES = 64 << 20


@dataclass(frozen=True)
class WeightFile:
    """One weight file with its size and hash."""

    name: str
    size_bytes: int
    sha256: str


def combine_weight_hashes(weight_files: Iterable[WeightFile]) -> str:
    """Return the identity of a checkpoint's weights, as 64 hexadecimal digits.

        one file:  the SHA-256 of the file
        shards:    the SHA-256 of a text whose lines are the SHA-256 of each file, in the order of the file names

    The hub's metadata states the SHA-256 of every file, so the identity is known before the weights are downloaded.
    """
    hashes = [file.sha256 for file in sorted(weight_files, key=lambda file: file.name)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()


def list_weight_files(directory: Path, *, allow_pickle: bool = False) -> list[Path]:
    """Return the weight files of a checkpoint, in name order. Pickles are returned only if there are no safetensors.

    Raises BadInputError

    - if there are no weight files, or only pickles that are not allowed,
    - if the index names files that are missing, or
    - if an adapter lies beside the weights.
    """
    paths = _list_weight_files(directory, allow_pickle=allow_pickle)
    adapter = find_adapter(path.name for path in directory.iterdir())
    if adapter is not None:  # with peft installed, transformers would add the adapter to the model
        raise BadInputError(f"{directory / adapter}: an adapter lies beside the weights of a model", ADAPTER_HINT)
    return paths


def _list_weight_files(directory: Path, *, allow_pickle: bool) -> list[Path]:
    if (directory / SINGLE_NAME).is_file():  # like transformers, prefer the single file to the index of shards
        return [_refuse_escape(directory, directory / SINGLE_NAME)]
    if (directory / INDEX_NAME).is_file():
        return _read_index(directory, INDEX_NAME, ".safetensors")
    if allow_pickle and (directory / PICKLED_SINGLE_NAME).is_file():
        return [_refuse_escape(directory, directory / PICKLED_SINGLE_NAME)]
    if allow_pickle and (directory / PICKLED_INDEX_NAME).is_file():
        return _read_index(directory, PICKLED_INDEX_NAME, ".bin")
    shards = sorted(path.name for path in directory.glob("model-*-of-*.safetensors"))
    foreign = explain_foreign_weights(path.name for path in directory.glob("*"))
    has_weights = bool(shards) or any((directory / name).is_file() for name in PICKLED_NAMES)
    if foreign is not None and not has_weights:
        raise BadInputError(f"{directory}: {foreign[0]}", foreign[1])
    pickled = _list_pickles(path.name for path in directory.iterdir())
    if pickled:
        raise BadInputError(
            f"{directory}: the weights are pickled ({pickled[0]}), and reading a pickle can run code",
            "convert them to safetensors: load them where you trust them and save_pretrained;"
            f" or write `allow_pickle: true` in the suite, to read {PICKLED_SINGLE_NAME} as plain tensors",
        )
    if shards:
        raise BadInputError(f"{directory}: holds shards and no {INDEX_NAME}", "copy the index as well")
    raise BadInputError(f"{directory}: holds no {SINGLE_NAME}", "copy the weights into it, or remove the directory")


def check_weight_file(path: Path) -> None:
    """Raise BadInputError if a safetensors file is truncated, or if its header is invalid or contradicts its size.

    Pickle files are not opened.
    """
    if path.suffix == ".bin":
        return
    if not read_tensor_shapes(path):
        raise BadInputError(f"{path}: holds no tensors", "copy the file again")


def check_index(directory: Path, paths: list[Path]) -> None:
    """Raise BadInputError if the weights are in shards, and the tensors of the shards contradict the index."""
    if paths[0].name not in (SINGLE_NAME, PICKLED_SINGLE_NAME):
        check_shards(directory, paths, PICKLED_INDEX_NAME if paths[0].suffix == ".bin" else INDEX_NAME)


def choose_weight_names(names: Iterable[str], *, allow_pickle: bool) -> list[str]:
    """Select the names of weight files from the names of a repository's files, and return them sorted.

    Raises ValueError, whose text says what is wrong

    - if weight files are missing,
    - if there are only pickles, which are not allowed, or
    - if an adapter lies beside the weights.
    """
    present = set(names)
    chosen = _choose_weight_names(present, allow_pickle=allow_pickle)
    adapter = find_adapter(present)
    if adapter is not None:
        raise ValueError(f"an adapter ({adapter}) lies beside the weights of a model")
    return chosen


def _choose_weight_names(present: set[str], *, allow_pickle: bool) -> list[str]:
    for single, stem, suffix in ((SINGLE_NAME, "model", "safetensors"), (PICKLED_SINGLE_NAME, "pytorch_model", "bin")):
        if suffix == "bin" and not allow_pickle:
            break
        if single in present:
            return [single]
        shards = [match for name in sorted(present) if (match := SHARD_NAME.fullmatch(name)) and match["stem"] == stem]
        if shards:
            wanted = [f"{stem}-{n:05d}-of-{shards[0]['count']}.{suffix}" for n in range(1, int(shards[0]["count"]) + 1)]
            missing = [name for name in wanted if name not in present]
            if missing:
                raise ValueError(f"{missing[0]} is not there")
            if f"{single}.index.json" not in present:
                raise ValueError(f"{single}.index.json is not there")
            return wanted
    foreign = explain_foreign_weights(present)
    if foreign is not None and present.isdisjoint(PICKLED_NAMES):
        raise ValueError(foreign[0])
    pickled = _list_pickles(present)
    if pickled:
        raise ValueError(f"the weights are pickled ({pickled[0]}), and reading a pickle can run code")
    raise ValueError(f"there is no {SINGLE_NAME}")


def _list_pickles(names: Iterable[str]) -> list[str]:
    """Return the names of pickle files that may hold weights, sorted."""
    return sorted(name for name in names if name.endswith(PICKLE_SUFFIXES) and not TRAINING_STATE_NAME.fullmatch(name))


def _read_index(directory: Path, index_name: str, suffix: str) -> list[Path]:
    path = directory / index_name
    try:
        if path.stat().st_size > MAXIMUM_INDEX_BYTES:
            raise ValueError
        index: Any = json.loads(path.read_bytes())
        names = sorted(set(index["weight_map"].values()), key=str)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(f"{path}: not an index of weight files", "copy the file again") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(suffix) or "\0" in name:
            raise BadInputError(f"{path}: {name!r} is no file name of {suffix[1:]}", "copy the file again")
        if not (directory / name).is_file():
            raise BadInputError(f"{path}: names {name}, which is not there", "copy the missing file")
    if not names:
        raise BadInputError(f"{path}: names no files", "copy the file again")
    if not isinstance(index.get("metadata"), dict):
        raise BadInputError(
            f"{path}: has no metadata, without which transformers reads no index", 'add "metadata": {} to it'
        )
    return [_refuse_escape(directory, directory / name) for name in names]


def _refuse_escape(directory: Path, path: Path) -> Path:
    """Return ``path``, or raise BadInputError if it is a link to a file outside the checkpoint's directory.

    A link into the same model's blobs in a Hugging Face cache is allowed: snapshots/COMMIT/FILE -> blobs/HASH.
    """
    real, home = path.resolve(), directory.resolve()
    blobs = home.parent.parent / "blobs"
    if real.is_relative_to(home) or (home.parent.name == "snapshots" and real.is_relative_to(blobs)):
        return path
    raise BadInputError(f"{path}: is a link that leads out of the checkpoint, to {real}", "put the file itself there")
