"""This module searches weight files for NaN and infinity, in bounded memory, and reads the shapes of tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.model_config import build_without_weights
from trailhouse.models.checkpoints.shard_index import read_all_tensor_shapes
from trailhouse.models.checkpoints.taken_tensors import find_untaken_tensor
from trailhouse.models.checkpoints.tensor_shapes import read_tensor_shapes

# Number of weights that are read at a time. As float32, they take 64 MiB.
BLOCK_NUMBERS = 1 << 24
WIDTH_KEYS = ("hidden_size", "n_embd", "d_model", "word_embed_proj_dim")

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def find_non_finite_tensor(path: Path, progress: Callable[[int], None] | None = None) -> str | None:
    """Return the name of the first tensor in a safetensors file that holds NaN or infinity, or None if there is none.

    ``progress`` is called with the number of bytes read since its last call.
    """
    with safe_open(path, framework="pt") as file:
        for name in sorted(file.keys()):
            view = file.get_slice(name)
            shape = view.get_shape()
            if not shape:
                if not _is_finite(file.get_tensor(name)):
                    return str(name)
                continue
            rows = max(1, BLOCK_NUMBERS // max(1, math.prod(shape[1:])))
            for start in range(0, shape[0], rows):
                block = view[start : start + rows]
                if not _is_finite(block):
                    return str(name)
                if progress is not None:
                    progress(block.numel() * block.element_size())
    return None


def read_shapes(checkpoint: Checkpoint) -> Shapes:
    """Return the name and shape of every tensor of a local checkpoint, sorted by name.

    The result is empty if the weights are in pickle files.
    """
    if checkpoint.is_pickled:
        return ()
    shapes: dict[str, tuple[int, ...]] = {}
    for file in checkpoint.weight_files:
        shapes |= {name: shape for name, (_, shape) in read_tensor_shapes(checkpoint.directory / file.name).items()}
    return tuple(sorted(shapes.items()))


def find_configuration_mismatch(checkpoint: Checkpoint, shapes: Shapes) -> str | None:
    """Return how config.json contradicts the weights, or None if it does not contradict them.

    The weights must include a matrix of the shape (vocabulary size, width) that config.json states.
    """
    try:
        config = json.loads((checkpoint.directory / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputError(f"{checkpoint.directory / 'config.json'}: not JSON", "copy the file again") from error
    text_config = config.get("text_config", config) if isinstance(config, dict) else {}
    vocabulary = text_config.get("vocab_size")
    widths = [text_config[key] for key in WIDTH_KEYS if key in text_config]
    if not shapes or vocabulary is None or not widths:
        return None
    matrices = {shape for _, shape in shapes if len(shape) == 2}
    if any((vocabulary, width) in matrices for width in widths):
        return None
    return f"config.json states a vocabulary of {vocabulary} and a width of {widths[0]}, and no tensor has that shape"


def find_tensor_of_another_model(checkpoint: Checkpoint) -> str | None:
    """Return a message if a tensor of a local checkpoint does not fit the model of config.json, otherwise None.

    The result is also None if the weights are in pickle files, or if transformers cannot build the model.
    """
    if checkpoint.is_pickled:
        return None
    try:
        model = build_without_weights(checkpoint)
    except BadInputError:
        return None
    paths = [checkpoint.directory / file.name for file in checkpoint.weight_files]
    return find_untaken_tensor(model, read_all_tensor_shapes(paths))


def _is_finite(block: torch.Tensor) -> bool:
    if not block.is_floating_point():
        return True
    if block.element_size() == 1:  # torch.isfinite does not accept float8
        block = block.to(torch.float32)
    return bool(torch.isfinite(block).all())
