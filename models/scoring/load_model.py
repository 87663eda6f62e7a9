"""This module loads a checkpoint's model for scoring. By default, it reads only safetensors.

It uses no network and runs no remote code.
"""

from __future__ import annotations

import platform
import traceback
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.library_errors import describe_error
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars
from trailhouse.models.checkpoints.shard_index import read_all_tensor_shapes
from trailhouse.models.checkpoints.taken_tensors import Tensors, find_unexpected_tensor, find_untaken_tensor
from trailhouse.models.checkpoints.weight_files import check_index, list_weight_files
from trailhouse.models.scoring.devices import choose_device_map
from trailhouse.models.scoring.out_of_memory import is_out_of_memory
from trailhouse.models.scoring.scoring_settings import ScoringSettings

if TYPE_CHECKING:
    # Importing transformers takes seconds. Other modules import the class from here, in the same kind of block.
    from transformers import PreTrainedModel as PreTrainedModel


WRONG_TENSOR_HINT = "check that config.json belongs to these weights, or copy the checkpoint again"


def load_model(directory: Path, settings: ScoringSettings, *, allow_pickle: bool = False) -> PreTrainedModel:
    """Return the model of a checkpoint directory, ready for scoring on the device the settings ask for.

    On GPUs, accelerate places the weights, and uses several GPUs if one is too small. With ``allow_pickle``, the
    weights are read from pickle files by an unpickler that can create nothing but tensors.

    Raises UsageError if the device is not known or not available. Raises BadInputError naming the directory

    - if the model does not load,
    - if tensors are missing, have a wrong shape, are not finite or are not used by the model, or
    - if an adapter lies beside the weights.
    """
    device_map = choose_device_map(settings.device)
    paths = list_weight_files(directory, allow_pickle=allow_pickle)
    model: PreTrainedModel
    report: dict[str, Iterable[str]]
    try:
        check_index(directory, paths)
        tensors = read_all_tensor_shapes(paths)
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
                ignore_mismatched_sizes=True,  # the report names mismatched tensors, but transformers' error does not
            )
    except BadInputError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # Every other error of transformers comes from the content of the directory
        raise BadInputError(
            f"{directory}: the model does not load: {_find_conversion_error(error) or describe_error(error)}",
            "check config.json and the weights, or copy the checkpoint again",
        ) from error
    _refuse_wrong_tensors(directory, report)
    _refuse_untaken_tensors(directory, model, tensors, report)
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
    problems = [f"the tensor {name} is missing" for name in sorted(map(str, report.get("missing_keys") or ()))]
    mismatched: Iterable[Any] = report.get("mismatched_keys") or ()
    problems += [
        f"the tensor {name} has the shape {tuple(found)}, and config.json says {tuple(expected)}"
        for name, found, expected in sorted(mismatched, key=str)
    ]
    if problems:
        raise BadInputError(f"{directory}: {problems[0]} ({len(problems)} in all)", WRONG_TENSOR_HINT)


def _refuse_untaken_tensors(
    directory: Path, model: PreTrainedModel, tensors: Tensors, report: dict[str, Iterable[str]]
) -> None:
    """Raise BadInputError for tensors that the model does not use, because it then differs from the trained model."""
    problem = find_untaken_tensor(model, tensors)
    problem = problem or find_unexpected_tensor(model, tensors, map(str, report.get("unexpected_keys") or ()))
    if problem is not None:
        raise BadInputError(f"{directory}: {problem}", WRONG_TENSOR_HINT)


def _find_conversion_error(error: Exception) -> str | None:
    """Return a message if transformers could not make a tensor of the model from those of the checkpoint, or None.

    The error of transformers does not state the reason. It refers to a report, which transformers only logs. So the
    reason is read from the local variable ``loading_info`` of the function that raised the error.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        reasons: dict[str, str] = getattr(frame.f_locals.get("loading_info"), "conversion_errors", None) or {}
        for name, reason in sorted(reasons.items()):
            lines = [line for line in reason.splitlines() if line.strip()] or ["no reason is given"]
            return f"the tensor {name} cannot be made from those of the file: {lines[-2 if len(lines) > 1 else -1]}"
    return None
