"""How many threads a model is worth on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# Below, threads wait for each other longer than they compute: 0.4 s of processor time on one became 4 s on two
SHARED_FROM_PARAMETERS = 1_000_000


@contextmanager
def limit_threads(model: nn.Module) -> Iterator[None]:
    """Run a model that is too small to be shared on one thread, for as long as the block lasts."""
    thread_count = torch.get_num_threads()
    if sum(parameter.numel() for parameter in model.parameters()) < SHARED_FROM_PARAMETERS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(thread_count)
