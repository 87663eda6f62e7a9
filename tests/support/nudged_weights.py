"""Changing the weights of a checkpoint a little, so that it counts as another one."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def nudge_weights(directory: Path, amount: float) -> None:
    """Add ``amount`` to every second number in the first third of one tensor.

    It changes only a part of the tensor. A constant that is added to a whole row of the LM head would change no logit,
    because hidden states sum to zero after the layer normalisation.
    """
    tensors = load_file(directory / "model.safetensors")
    name = min(tensors)
    values = tensors[name].copy()
    values.flat[: values.size // 3 : 2] += np.float32(amount)
    tensors[name] = values
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
