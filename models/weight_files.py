"""Weight files of a checkpoint: which there are, and whether their headers tell the truth. Safetensors only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from trailhouse.errors import BadInputError

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
PICKLE_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def list_weight_files(directory: Path) -> list[Path]:
    """Return the safetensors files that make up a checkpoint, in name order.

    Errors: BadInputError where there are none, only pickled ones, or the index names files that are not there.
    """
    if (directory / SINGLE_NAME).is_file():  # transformers, too, reads it before the index
        return [directory / SINGLE_NAME]
    if (directory / INDEX_NAME).is_file():
        return _read_index(directory)
    pickled = sorted(path.name for pattern in PICKLE_PATTERNS for path in directory.glob(pattern))
    if pickled:
        raise BadInputError(
            f"{directory}: the weights are pickled ({pickled[0]}), and reading a pickle can run code",
            "convert them to safetensors: load them where you trust them and save_pretrained",
        )
    raise BadInputError(f"{directory}: holds no {SINGLE_NAME}", "copy the weights into it, or remove the directory")


def check_weight_file(path: Path) -> None:
    """Read the header of a safetensors file and compare it with the size of the file.

    Errors: BadInputError where the file is truncated, or its header is no header or lies.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise BadInputError(
            f"{path}: no whole safetensors file: {error}", "copy the file again; it is damaged or was cut short"
        ) from error
    if not names:
        raise BadInputError(f"{path}: holds no tensors", "copy the file again")


def _read_index(directory: Path) -> list[Path]:
    path = directory / INDEX_NAME
    try:
        index: Any = json.loads(path.read_bytes())
        names = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(f"{path}: not an index of weight files", "copy the file again") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise BadInputError(f"{path}: {name!r} is no file name of safetensors", "copy the file again")
        if not (directory / name).is_file():
            raise BadInputError(f"{path}: names {name}, which is not there", "copy the missing file")
    if not names:
        raise BadInputError(f"{path}: names no files", "copy the file again")
    return [directory / name for name in names]
