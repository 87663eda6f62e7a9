"""This module reads the types and shapes of tensors from the header of a safetensors file. No tensor is loaded."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from trailhouse.errors import BadInputError


def read_tensor_shapes(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the type and shape of every tensor in the header of a safetensors file.

    Raises BadInputError if the header does not describe the file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            views = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
            return {name: (str(view.get_dtype()), tuple(view.get_shape())) for name, view in views.items()}
    except (SafetensorError, OSError, ValueError, RuntimeError, OverflowError) as error:
        raise BadInputError(
            f"{path}: no complete safetensors file: {error}", "copy the file again; it is damaged or was cut short"
        ) from error
