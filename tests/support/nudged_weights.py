"""Changing the weights of a checkpoint a little, so that it is another one."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def nudge_weights(directory: Path, amount: float) -> None:
    tensors = load_file(directory / "model.safetensors")
    name = sorted(tensors)[0]
    tensors[name] = tensors[name] + np.float32(amount)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
