"""This module hides the progress bars of transformers, because Trailhouse's command line draws its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


@contextmanager
def hide_progress_bars() -> Iterator[None]:
    """Hide the progress bars of transformers while the ``with`` block runs."""
    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
