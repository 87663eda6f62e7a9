"""This module says why the server refuses statements, clauses and names."""

from __future__ import annotations

from trailhouse.server.clickhouse_errors import ServerError

_FIXED_USERS = "the users of this server and their rights are fixed"
_HIDDEN_SQL = "it would run SQL that is hidden in a text and not checked"
# Why each statement or clause is refused, as the second half of a sentence. docs/reference/server.md has the same
# sentences.
REASONS = {
    "BACKUP": "it writes files; `trailhouse backup` writes a backup",
    "COPY": "it writes files",
    "EXECUTE": _FIXED_USERS,
    "GRANT": _FIXED_USERS,
    "MOVE": _FIXED_USERS,
    "RESTORE": "it reads files; `trailhouse restore` reads a backup",
    "REVOKE": _FIXED_USERS,
    "SET ROLE": _FIXED_USERS,
    "SET DEFAULT": _FIXED_USERS,
    "SNAPSHOT": "it writes files",
    "SYSTEM": "it manages the server, which manages itself and writes no logs",
    "CREATE DICTIONARY": "its source would be a file or another host; join a table instead",
    "CREATE FUNCTION": "its SQL would run without being checked; write the expression out, or create a view",
    "CREATE NAMED": "it is for files and other hosts",
    "CREATE POLICY": _FIXED_USERS,
    "CREATE PROFILE": _FIXED_USERS,
    "CREATE QUOTA": _FIXED_USERS,
    "CREATE RESOURCE": "it schedules disks, and this server has one disk",
    "CREATE ROLE": _FIXED_USERS,
    "CREATE ROW": _FIXED_USERS,
    "CREATE SETTINGS": _FIXED_USERS,
    "CREATE USER": _FIXED_USERS,
    "CREATE WORKLOAD": "it schedules disks, and this server has one disk",
    "ATTACH ... FROM": "it reads files",
    "INTO OUTFILE and FROM INFILE": "a result belongs in the answer, and rows belong in the request",
    "PARALLEL WITH": "a request runs one statement",
    "a function": "it reaches files, processes or other hosts, or runs hidden SQL",
    "format": _HIDDEN_SQL,
    "a structure": _HIDDEN_SQL,
    "an engine": "it reaches files or other hosts, or is not known to be safe",
    "a parameter": "a parameter must not hide a name that is forbidden",
    "escapes": "the name could not be compared with forbidden names",
}


def forbid(what: str, reason: str = "") -> ServerError:
    """Return the error that refuses ``what``, because of ``reason``, the second half of a sentence."""
    because = f", because {reason}" if reason else ""
    return ServerError(497, "ACCESS_DENIED", f"Not enough privileges: {what} cannot be used over HTTP{because}")
