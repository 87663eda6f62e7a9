"""Progress of long work, told to whoever listens: a bar on a terminal, nothing in a worker's log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class ProgressListener(Protocol):
    """Hears how far a named piece of work is."""

    def advance(self, name: str, done: float, total: float, detail: str = "") -> None:
        """``done`` of ``total`` units of the work called ``name`` are finished."""

    def note(self, message: str) -> None:
        """Something happened that a person would want to know while the work goes on."""


listener: ContextVar[ProgressListener | None] = ContextVar("listener", default=None)


def report_progress(name: str, done: float, total: float, detail: str = "") -> None:
    """Tell the present listener how far the work is."""
    present = listener.get()
    if present is not None:
        present.advance(name, done, total, detail)


def report_note(message: str) -> None:
    """Tell the present listener something, once."""
    present = listener.get()
    if present is not None:
        present.note(message)


@contextmanager
def listening(new_listener: ProgressListener) -> Iterator[None]:
    """Let a listener hear the progress of everything done inside."""
    token = listener.set(new_listener)
    try:
        yield
    finally:
        listener.reset(token)
