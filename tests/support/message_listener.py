"""A listener to progress and messages, as the command line has one."""

from __future__ import annotations


class Listener:
    """Keeps the messages that a user would see."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def advance(self, name: str, done: int, total: int, detail: str = "") -> None:
        pass

    def note(self, message: str) -> None:
        self.notes.append(message)
