"""This module chooses the devices on which a model runs, finds the device of its inputs, and names its devices."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import torch

from trailhouse.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds


def choose_device_map(device: str) -> str | None:
    """Return the device map with which transformers loads a model, or None for plain loading on the CPU.

    Raises UsageError if the device is not known or not available.
    """
    if device == "auto":
        # "sequential" fills one GPU before the next. "auto" would spread even a small model over all GPUs.
        return "sequential" if torch.cuda.is_available() else None
    try:
        parsed = torch.device(device)
        module = None if parsed.type == "cpu" else torch.get_device_module(parsed.type)
    except RuntimeError as error:
        raise UsageError(f"device {device!r} is not known", "use auto, cpu or cuda") from error
    if module is None:
        return None
    if not module.is_available() or (parsed.index or 0) >= module.device_count():
        raise UsageError(f"device {device!r} is not available here", "use auto or cpu")
    return device


def find_input_device(model: PreTrainedModel) -> torch.device:
    """Return the device on which the model expects token ids, even if some weights are on other devices."""
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, torch.nn.Module)
    device = next(embedding.parameters()).device
    if device.type != "meta":
        return device
    # A weight on the device "meta" is stored elsewhere. accelerate's hook loads it to the hook's device for use.
    hook: Any = embedding._hf_hook
    return torch.device(hook.execution_device)


def list_devices(model: PreTrainedModel) -> list[str]:
    """Return the devices that the model computes on, by names that are the same in every process of a host.

    A GPU is named by its UUID, because its number depends on which GPUs a process can see.
    """
    placed = (getattr(model, "hf_device_map", None) or {}).values()
    # The entry "disk" is left out, because weights on disk are loaded to the input device, which computes with them
    devices = {find_input_device(model), *(_as_device(entry) for entry in placed if entry != "disk")}
    return sorted({_name_physical_device(device) for device in devices})


def device_name(model: PreTrainedModel) -> str:
    """Return the type and the name of the model's input device, for example ``cuda NVIDIA H100``."""
    device = find_input_device(model)
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {platform.processor() or platform.machine()}"


def _as_device(entry: int | str | torch.device) -> torch.device:
    """Return the device that an entry of accelerate's device map means. A number stands for a GPU."""
    return torch.device("cuda", entry) if isinstance(entry, int) else torch.device(entry)


def _name_physical_device(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type
    return f"cuda-{torch.cuda.get_device_properties(device).uuid}"
