from __future__ import annotations

from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def reduced_suite_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the reduced miniature suite, whose models are really trained."""
    from trailhouse.models.miniature import train_miniature_suite

    directory = tmp_path_factory.mktemp("data")
    train_miniature_suite(directory / "miniature-reduced", size="reduced")
    return directory


@pytest.fixture(autouse=True)
def _one_torch_thread():
    """Limit torch to one thread: with tiny tensors, a second thread waits longer than it computes."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)
