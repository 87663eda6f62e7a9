"""This module turns an error that a model raises while it runs into a refusal.

Some models that transformers loads cannot be run. For example, a model may mix dtypes if its weights are in bfloat16,
or it may have fewer positions than config.json states.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.library_errors import describe_error
from trailhouse.models.scoring.out_of_memory import is_out_of_memory


@contextmanager
def refusing_failures(model: nn.Module, input_ids: torch.Tensor) -> Iterator[None]:
    """Raise BadInputError if the ``with`` block, in which the model reads ``input_ids`` (B, T), raises an error.

    An error of the device and a lack of memory are not caused by the checkpoint, so they are raised unchanged.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, torch.AcceleratorError):
            raise
        raise BadInputError(
            f"the model {type(model).__name__} does not run on {input_ids.shape[1]} tokens: {describe_error(error)}",
            "check config.json, or try --dtype float32 or a smaller --context-length",
        ) from error
