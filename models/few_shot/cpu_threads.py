"""This module chooses the number of CPU threads on which a model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# A model with fewer parameters than this runs on one thread, because several threads would wait for each other longer
# than they compute. In one case, 0.4 s of CPU time on one thread became 4 s on two threads.
MULTITHREADED_PARAMETER_COUNT = 1_000_000


@contextmanager
def limit_threads(model: nn.Module, multithreaded_count: int = MULTITHREADED_PARAMETER_COUNT) -> Iterator[None]:
    """Limit torch to one thread within the block if a model has fewer parameters than ``multithreaded_count``."""
    thread_count = torch.get_num_threads()
    if sum(parameter.numel() for parameter in model.parameters()) < multithreaded_count:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(thread_count)
