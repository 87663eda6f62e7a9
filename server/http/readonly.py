"""This module refuses statements that a read-only request may not run.

A request is read-only if its user is the reader or its method is not POST.
"""

from __future__ import annotations

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.execution import Execution
from trailhouse.server.sql.insert_head import InsertHead
from trailhouse.server.sql.statement import Kind, Statement

_READING_WORDS = frozenset({"SET", "USE", "EXPLAIN", "VALUES", "TABLE", ""})


def refuse_writing(statement: Statement | InsertHead) -> None:
    """Raise ServerError 164 if the statement may write.

    Call this function for a read-only request in a session whose handle can write, because the engine would not refuse
    the statement on such a handle.
    """
    if isinstance(statement, InsertHead) or (
        statement.kind is Kind.DIRECT and statement.first_word not in _READING_WORDS
    ):
        raise ServerError(
            164,
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
            "You should use method POST for modifying queries",
        )


def restrict_to_reading(execution: Execution, statement: Statement) -> None:
    """If the handle can write, make the engine run the statement in readonly mode.

    Raises ServerError 164 if the statement kills queries, or if the handle can write and the statement sets readonly.
    """
    if statement.first_word == "KILL":
        raise ServerError(164, "READONLY", "Cannot execute query in readonly mode.")
    if execution.handle.is_readonly:
        return
    if b"readonly" in statement.settings.lower():
        raise ServerError(164, "READONLY", "Cannot modify 'readonly' setting in readonly mode.")
    if execution.settings.get("readonly", "0") == "0":
        execution.settings["readonly"] = "2"
