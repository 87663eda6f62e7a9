"""This module loads a checkpoint's model for scoring. By default, it reads only safetensors.

It uses no network and runs no remote code.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoModelForCausalLM

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars
from trailhouse.models.scoring.devices import choose_device_map
from trailhouse.models.scoring.out_of_memory import is_out_of_memory
from trailhouse.models.scoring.scoring_settings import ScoringSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel as PreTrainedModel  # exported; importing it takes seconds


def load_model(directory: Path, settings: ScoringSettings, *, allow_pickle: bool = False) -> PreTrainedModel:
    """Return the model of a checkpoint directory, ready for scoring on the device the settings ask for.

    On GPUs, accelerate places the weights, and uses several GPUs if one is too small. With ``allow_pickle``, the
    weights are read from pickle files by an unpickler that can create nothing but tensors.

    Raises BadInputError naming the directory if the model does not load, or if tensors are missing, have a wrong
    shape or are not finite. Raises UsageError if the device is not known or not available.
    """
    device_map = choose_device_map(settings.device)
    model: PreTrainedModel
    report: dict[str, Iterable[str]]
    try:
        with hide_progress_bars():
            model, report = AutoModelForCausalLM.from_pretrained(  # type: ignore[misc]
                directory,
                dtype=getattr(torch, settings.dtype),
                device_map=device_map,
                use_safetensors=not allow_pickle,
                weights_only=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # Every other error of transformers comes from the content of the directory
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
        # The sum is a fast test: if it is finite, all values are finite. If it is not, every value must be checked,
        # because a sum of finite values may overflow.
        if parameter.is_meta or torch.isfinite(parameter.detach().sum(dtype=torch.float32)):
            continue
        if not torch.isfinite(parameter.detach()).all():
            raise BadInputError(
                f"{directory}: the tensor {name} holds NaN or infinity",
                "leave this checkpoint out, or copy it again if it is damaged",
            )


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that can change the last digits of a score."""
    libraries = ("torch", "transformers", "tokenizers", "safetensors", "accelerate", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in libraries}}


def attention_implementation(model: PreTrainedModel) -> str:
    """Return the name of the attention implementation that transformers uses for the model; empty if there is none."""
    return str(getattr(model.config, "_attn_implementation", None) or "")


def _refuse_wrong_tensors(directory: Path, report: dict[str, Iterable[str]]) -> None:
    """Raise BadInputError for missing or wrongly shaped tensors, because transformers fills them with random values."""
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
