"""Errors that a user can correct. Each error says what was wrong and what to do next, and has an exit code."""

from __future__ import annotations

from collections.abc import Sequence


class TrailhouseError(Exception):
    """An error that a user can correct. ``message`` is one line about the problem, ``hint`` says what to do next.

    The command line prints message and hint, and exits with ``exit_code``. Any other exception counts as a defect of
    Trailhouse (exit code 1), unless the command line can explain it as a failure of the warehouse.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})"


class UsageError(TrailhouseError):
    """A flag, setting or configuration file is wrong (exit code 2)."""

    exit_code = 2


class BadInputError(TrailhouseError):
    """A document, corpus, checkpoint, suite, tokenizer or statement is wrong (exit code 3)."""

    exit_code = 3


class PartialError(TrailhouseError):
    """Some of the work failed, and the rest is done and stored (exit code 4).

    It also says that a chart fails after publishing, that ``publish --check`` found differences, or that ``doctor``
    found a problem.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str, failures: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.failures = tuple(failures)
        """One line of text for each failure."""


class UnreachableError(TrailhouseError):
    """The warehouse or another service did not answer (exit code 5)."""

    exit_code = 5


class RefusedError(UnreachableError):
    """The warehouse answers and refuses to work, because its database is missing or it refuses the user.

    Such work is not tried again.
    """


class AllFailedError(PartialError):
    """All of the work failed, and there are several errors. The exit code is the exit code of the first error."""

    def __init__(self, message: str, hint: str, failures: Sequence[str], exit_code: int) -> None:
        super().__init__(message, hint, failures)
        self.exit_code = exit_code
