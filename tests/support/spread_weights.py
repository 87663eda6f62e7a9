"""Random weights under which a model's predictions depend on the text.

At the usual initialisation, all tokens are about equally probable everywhere, which hides mistakes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

MATRIX_GAIN = 1.5
EMBEDDING_STANDARD_DEVIATION = 0.3
VECTOR_STANDARD_DEVIATION = 0.1


@torch.no_grad()
def spread_weights(model: nn.Module, seed: int = 0) -> None:
    """Draw the matrices and embeddings of a model anew, with a wide spread, and move its norms and biases a little.

    Parameters with a mean of their own, such as the decay rates of recurrent models, stay as they were initialised.
    """
    generator = torch.Generator().manual_seed(seed)
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for _, parameter in sorted(model.named_parameters()):
        if not parameter.is_floating_point() or parameter.numel() == 0:
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        if id(parameter) in embeddings:
            parameter.copy_(noise * EMBEDDING_STANDARD_DEVIATION)
        elif parameter.ndim > 1 and _is_centred(parameter):
            parameter.copy_(noise * MATRIX_GAIN / math.sqrt(parameter.shape[-1]))
        elif parameter.ndim == 1 and _is_constant(parameter):
            parameter.add_(noise * VECTOR_STANDARD_DEVIATION)


def _is_centred(parameter: Tensor) -> bool:
    return bool(parameter.mean().abs() <= 0.5 * parameter.std())


def _is_constant(parameter: Tensor) -> bool:
    return bool((parameter == parameter.flatten()[0]).all())
