"""This module explains failures of the warehouse, such as a full disk or a lost connection, with a hint to the user."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from urllib3.exceptions import HTTPError

from trailhouse.errors import RefusedError, TrailhouseError, UnreachableError

# Each entry has words that the engine's error may contain, the meaning of these words, and a hint. The first
# entry with a word that occurs in the error is used.
_REASONS = (
    (("NOT_ENOUGH_SPACE", "No space left on device", "errno: 28"),
     "the disk of the warehouse is full", "free some space and run the same command again"),
    (("MEMORY_LIMIT_EXCEEDED", "CANNOT_ALLOCATE_MEMORY"),
     "the warehouse has too little memory for this", "give it more memory, or select fewer rows"),
    (("TABLE_IS_READ_ONLY", "Read-only file system", "errno: 30", "Permission denied", "errno: 13", "READONLY"),
     "the warehouse cannot write", "make its directory writable, and use a user with write access"),
    (("TOO_MANY_SIMULTANEOUS_QUERIES", "TIMEOUT_EXCEEDED", "QUERY_WAS_CANCELLED"),
     "the warehouse is too busy", "run the same command again later"),
)  # fmt: skip

# An error with one of these names comes again however often the statement is run, unless a person acts.
_PERMANENT = (
    *("NOT_ENOUGH_SPACE", "No space left on device"),
    *("UNKNOWN_DATABASE", "UNKNOWN_TABLE", "UNKNOWN_IDENTIFIER", "NO_SUCH_COLUMN_IN_TABLE", "SYNTAX_ERROR"),
    *("AUTHENTICATION_FAILED", "REQUIRED_PASSWORD", "WRONG_PASSWORD", "ACCESS_DENIED", "READONLY"),
)

# An error with one of these texts says that the connection to the warehouse was lost or never made.
_LOST_CONNECTION = (
    "Connection refused",
    "Connection reset",
    "Connection aborted",
    "Connection broken",
    "RemoteDisconnected",
    "Remote end closed connection",
    "Max retries exceeded",
    "Read timed out",
    "timed out",
    "Name or service not known",
    "No route to host",
    "Network is unreachable",
)
_REASON_CHARACTERS = 100


def explain_failure(error: BaseException) -> TrailhouseError | None:
    """Return the error to show to the user if the warehouse failed; None if ``error`` has another cause.

    For example, None is returned if the engine refuses a statement, because that is a defect of Trailhouse.
    """
    text = " ".join(str(error).split())
    if isinstance(error, DatabaseError | StreamFailureError) and (reason := _find_reason(text)) is not None:
        return reason
    if isinstance(error, OperationalError | StreamFailureError | ConnectionError | HTTPError):
        return _report_lost_connection(text)
    return None


def is_permanent(error: object) -> bool:
    """Return whether the warehouse refused what was asked in a way that trying again cannot change."""
    if isinstance(error, DatabaseError):
        return any(name in str(error) for name in _PERMANENT)
    return isinstance(error, RefusedError)


def explain_message(text: str) -> TrailhouseError | None:
    """Return the error to show to the user if a message of dbt says that the warehouse failed; else None."""
    text = " ".join(text.split())
    # dbt's own errors may have the same words, for example if it may not write its log
    if "DB::Exception" in text and (reason := _find_reason(text)) is not None:
        return reason
    return _report_lost_connection(text) if any(words in text for words in _LOST_CONNECTION) else None


def _find_reason(text: str) -> TrailhouseError | None:
    for words, meaning, hint in _REASONS:
        if any(word in text for word in words):
            return UnreachableError(f"{meaning}: {text.partition(' (version ')[0][-300:]}", hint)
    return None


def _report_lost_connection(text: str) -> UnreachableError:
    """Return the error for a lost connection, with the reason in a few words instead of the whole text."""
    reason = next((words for words in _LOST_CONNECTION if words in text), text[:_REASON_CHARACTERS])
    return UnreachableError(
        f"the warehouse stopped answering: {reason}", "run the same command again; it continues where it stopped"
    )
