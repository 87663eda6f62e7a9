"""How many CPU threads a model runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# With fewer parameters, threads wait longer than they compute: 0.4 s of CPU time on one thread became 4 s on two
MULTITHREADED_PARAMETER_COUNT = 1_000_000


@contextmanager
def limit_threads(model: nn.Module) -> Iterator[None]:
    """Limit torch to one thread while the block runs, if the model has fewer than a million parameters."""
    thread_count = torch.get_num_threads()
    if sum(parameter.numel() for parameter in model.parameters()) < MULTITHREADED_PARAMETER_COUNT:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(thread_count)
