"""Loading a checkpoint's weights for scoring: safetensors by default, no remote code, no network."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars
from trailhouse.models.scoring.out_of_memory import is_out_of_memory
from trailhouse.models.scoring.scoring_settings import ScoringSettings

# For models without a limit of their own (Mamba, RWKV): windows bound the memory of long documents.
UNLIMITED_CONTEXT_LENGTH = 2_048


def load_model(directory: Path, settings: ScoringSettings, *, allow_pickle: bool = False) -> PreTrainedModel:
    """Return the model of a checkpoint directory, ready for scoring on the device the settings ask for.

    On accelerators the weights are placed by accelerate, over several where one does not hold them. With
    ``allow_pickle`` the weights are read from pickles, by an unpickler that makes tensors and nothing else.

    Errors: BadInputError naming the directory where it does not load, tensors are missing, of another shape
    or not finite; UsageError where the device is not there.
    """
    placement = _choose_placement(settings.device)
    model: PreTrainedModel
    report: dict[str, Iterable[str]]
    try:
        with hide_progress_bars():
            model, report = AutoModelForCausalLM.from_pretrained(  # type: ignore[misc]
                directory,
                dtype=getattr(torch, settings.dtype),
                device_map=placement,
                use_safetensors=not allow_pickle,
                weights_only=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # whatever else transformers trips over, it is the directory's content
        raise BadInputError(
            f"{directory}: the model does not load: {_first_line(error)}",
            "check config.json and the weights, or copy the checkpoint again",
        ) from error
    _refuse_wrong_tensors(directory, report)
    refuse_non_finite_weights(directory, model)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def refuse_non_finite_weights(directory: Path, model: PreTrainedModel) -> None:
    """Raise BadInputError naming the first tensor that holds NaN or infinity."""
    for name, parameter in model.named_parameters():
        # The sum is the fast test; a finite tensor may overflow it, so it only accuses
        if parameter.is_meta or torch.isfinite(parameter.detach().sum(dtype=torch.float32)):
            continue
        if not torch.isfinite(parameter.detach()).all():
            raise BadInputError(
                f"{directory}: the tensor {name} holds NaN or infinity",
                "leave this checkpoint out, or copy it again if it is damaged",
            )


def find_context_length(config: PretrainedConfig, settings: ScoringSettings) -> int:
    """Return the tokens the model may read at once: what the settings ask for, within the model's positions.

    Errors: UsageError where the settings ask for more than the model has positions.
    """
    text_config = config.get_text_config()
    limit = getattr(text_config, "max_position_embeddings", None) or getattr(text_config, "context_length", None)
    if settings.context_length is None:
        return limit or UNLIMITED_CONTEXT_LENGTH
    if limit is not None and settings.context_length > limit:
        raise UsageError(
            f"a context of {settings.context_length} tokens is asked for, and the model has {limit} positions",
            f"use a context length of at most {limit}",
        )
    return settings.context_length


def library_versions() -> dict[str, str]:
    """Return the versions that can move a score in its last digits."""
    libraries = ("torch", "transformers", "tokenizers", "safetensors", "accelerate", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in libraries}}


def find_input_device(model: PreTrainedModel) -> torch.device:
    """Return the device that the model wants its token ids on, wherever accelerate has put its weights."""
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, torch.nn.Module)
    device = next(embedding.parameters()).device
    if device.type != "meta":
        return device
    hook: Any = embedding._hf_hook  # accelerate's: the weights are on disk until they are wanted
    return torch.device(hook.execution_device)


def list_devices(model: PreTrainedModel) -> list[str]:
    """Return the devices that the model computes on, by names that mean the same in every process of a host.

    A GPU goes by its UUID: its number depends on which GPUs a process may see (CUDA_VISIBLE_DEVICES).
    """
    placed = (getattr(model, "hf_device_map", None) or {}).values()
    # Weights on disk are computed on the device that stands for the model's inputs
    devices = {find_input_device(model), *(_as_device(place) for place in placed if place != "disk")}
    return sorted({_name_physical(device) for device in devices})


def device_name(model: PreTrainedModel) -> str:
    """Return the kind of device the model lies on with its name, for example ``cuda NVIDIA H100``."""
    device = find_input_device(model)
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {platform.processor() or platform.machine()}"


def attention_implementation(model: PreTrainedModel) -> str:
    """Return the attention implementation of transformers that the model uses; empty where it has none."""
    return str(getattr(model.config, "_attn_implementation", None) or "")


def _as_device(place: int | str | torch.device) -> torch.device:
    """Read a place of accelerate's device map: a number stands for a GPU."""
    return torch.device("cuda", place) if isinstance(place, int) else torch.device(place)


def _name_physical(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type
    return f"cuda-{torch.cuda.get_device_properties(device).uuid}"


def _choose_placement(device: str) -> str | None:
    """Return the device map for transformers; None for plain loading on the CPU."""
    if device == "auto":
        # one GPU as long as it holds the model: accelerate's "auto" would spread the smallest model over all
        return "sequential" if torch.cuda.is_available() else None
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"device {device!r} is not known", "use auto, cpu or cuda") from error
    if kind == "cpu":
        return None
    if not torch.get_device_module(kind).is_available():
        raise UsageError(f"device {device!r} is not available here", "use auto or cpu")
    return device


def _refuse_wrong_tensors(directory: Path, report: dict[str, Iterable[str]]) -> None:
    """Refuse what transformers would fill with random numbers."""
    for kind, description in (
        ("missing_keys", "is missing"),
        ("mismatched_keys", "has another shape than config.json says"),
    ):
        names = sorted(str(name) for name in report.get(kind) or ())
        if names:
            raise BadInputError(
                f"{directory}: the tensor {names[0]} {description} ({len(names)} in all)",
                "check that config.json belongs to these weights, or copy the checkpoint again",
            )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
