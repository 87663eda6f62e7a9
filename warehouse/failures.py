"""This module explains failures of the warehouse, such as a full disk or a lost connection, with a hint to the user."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from urllib3.exceptions import HTTPError

from trailhouse.errors import TrailhouseError, UnreachableError

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


def explain_failure(error: BaseException) -> TrailhouseError | None:
    """Return the error to show to the user if the warehouse failed; None if ``error`` has another cause.

    For example, None is returned if the engine refuses a statement, because that is a defect of Trailhouse.
    """
    text = " ".join(str(error).split())
    if isinstance(error, DatabaseError | StreamFailureError):
        for words, meaning, hint in _REASONS:
            if any(word in text for word in words):
                return UnreachableError(f"{meaning}: {text.partition(' (version ')[0][-300:]}", hint)
    if isinstance(error, OperationalError | StreamFailureError | ConnectionError | HTTPError):
        return UnreachableError(
            f"the warehouse stopped answering: {text[:300]}",
            "run the same command again; it continues where it stopped",
        )
    return None
