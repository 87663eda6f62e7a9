"""This module passes the progress of long work from the code that does the work to a listener that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class ProgressListener(Protocol):
    """Receiver of progress reports and messages, for example the progress bars of the command line."""

    def advance(self, name: str, done: float, total: float, detail: str = "") -> None:
        """Show that ``done`` of ``total`` units of the work ``name`` are finished."""

    def note(self, message: str) -> None:
        """Show a message without interrupting the display of progress."""


listener: ContextVar[ProgressListener | None] = ContextVar("listener", default=None)


def report_progress(name: str, done: float, total: float, detail: str = "") -> None:
    """Report to the current listener that ``done`` of ``total`` units of the work ``name`` are finished."""
    present = listener.get()
    if present is not None:
        present.advance(name, done, total, detail)


def report_note(message: str) -> None:
    """Send a message for the user to the current listener."""
    present = listener.get()
    if present is not None:
        present.note(message)


@contextmanager
def listening(new_listener: ProgressListener) -> Iterator[None]:
    """Make ``new_listener`` the current listener inside the block."""
    token = listener.set(new_listener)
    try:
        yield
    finally:
        listener.reset(token)
