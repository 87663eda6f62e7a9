"""What a person can do when a statement fails for a reason that is not in the statement."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from urllib3.exceptions import HTTPError

from trailhouse.errors import TrailhouseError, UnreachableError

# Words of the engine's message, what they mean, and the hint; the first that fits counts.
_REASONS = (
    (("NOT_ENOUGH_SPACE", "No space left on device", "errno: 28"),
     "the disk of the warehouse is full", "free some space and run the same command again"),
    (("MEMORY_LIMIT_EXCEEDED", "CANNOT_ALLOCATE_MEMORY"),
     "the warehouse has too little memory for this", "give it more memory, or ask for less at once"),
    (("TABLE_IS_READ_ONLY", "Read-only file system", "errno: 30", "Permission denied", "errno: 13", "READONLY"),
     "the warehouse cannot write", "make its directory writable, and use a user who may write"),
    (("TOO_MANY_SIMULTANEOUS_QUERIES", "TIMEOUT_EXCEEDED", "QUERY_WAS_CANCELLED"),
     "the warehouse is too busy", "run the same command again later"),
)  # fmt: skip


def explain_failure(error: BaseException) -> TrailhouseError | None:
    """Name what was wrong with the warehouse; None where the statement itself was, which is a defect of ours."""
    text = " ".join(str(error).split())
    if isinstance(error, DatabaseError | StreamFailureError):
        for words, meaning, hint in _REASONS:
            if any(word in text for word in words):
                return UnreachableError(f"{meaning}: {text.partition(' (version ')[0][-300:]}", hint)
    if isinstance(error, OperationalError | StreamFailureError | ConnectionError | HTTPError):
        return UnreachableError(
            f"the warehouse stopped answering: {text[:300]}", "run the same command again, it goes on where it stopped"
        )
    return None
