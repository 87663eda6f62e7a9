"""Errors of the warehouse itself, rather than of a statement, are named with a hint."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from urllib3.exceptions import ProtocolError

from trailhouse.warehouse.failures import explain_failure, explain_message


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (DatabaseError("Code: 243. DB::Exception: Cannot reserve 1 MiB (NOT_ENOUGH_SPACE)"), "the disk .* is full"),
        (StreamFailureError("Code: 241. (MEMORY_LIMIT_EXCEEDED)"), "too little memory"),
        (DatabaseError("Code: 74. Cannot write: , errno: 30, strerror: Read-only file system"), "cannot write"),
        (OperationalError("Connection refused"), "stopped answering"),
        (ConnectionResetError(104, "Connection reset by peer"), "stopped answering"),
        (ProtocolError("Connection broken", ConnectionResetError(104, "reset")), "stopped answering"),
    ],
)
def test_a_failure_of_the_warehouse_is_named_with_its_hint(error, meaning):
    explained = explain_failure(error)
    assert explained is not None
    assert explained.hint
    with pytest.raises(type(explained), match=meaning):
        raise explained


def test_the_end_of_the_message_of_the_engine_is_shown_without_its_version():
    """Long messages begin with the statement, and their reason is at the end."""
    message = "x" * 400 + " No space left on device"
    for version in ("", " (version 26.9 (official build))"):
        explained = explain_failure(DatabaseError(message + version))
        assert explained.message == f"the disk of the warehouse is full: {message[-300:]}"


def test_the_beginning_of_an_unknown_error_of_a_lost_connection_is_shown_on_one_line():
    explained = explain_failure(OperationalError("a\n" + "x" * 400))
    assert explained.message == f"the warehouse stopped answering: a {'x' * 98}"


LOST = (
    "Error HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url: /?client_protocol_version=54405"
    " (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new"
    " connection: [Errno 111] Connection refused')) executing HTTP request attempt 1 (http://127.0.0.1:1)"
)


def test_a_lost_connection_is_said_in_a_few_words():
    assert explain_failure(OperationalError(LOST)).message == "the warehouse stopped answering: Connection refused"


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        (f"Database Error in model a (models/a.sql)\n  {LOST}", "the warehouse stopped answering: Connection refused"),
        ("Runtime Error\n ('Connection aborted.', RemoteDisconnected())", "stopped answering: Connection aborted"),
        ("Code: 243. DB::Exception: (NOT_ENOUGH_SPACE)", "the disk of the warehouse is full"),
        ("Code: 241. DB::Exception: (MEMORY_LIMIT_EXCEEDED)", "too little memory"),
    ],
)
def test_a_message_of_dbt_about_the_warehouse_is_explained(message, meaning):
    explained = explain_message(message)
    assert explained.exit_code == 5
    assert meaning in explained.message


@pytest.mark.parametrize(
    "message",
    [
        "Code: 62. DB::Exception: Syntax error",
        "Got 3 results, configured to fail",
        "[Errno 13] Permission denied: 'logs/dbt.log'",
        "",
    ],
)
def test_another_message_of_dbt_is_not(message):
    assert explain_message(message) is None


@pytest.mark.parametrize(
    ("words", "meaning"),
    [("errno: 28", "is full"), ("CANNOT_ALLOCATE_MEMORY", "too little memory"), ("READONLY", "cannot write"),
     ("QUERY_WAS_CANCELLED", "too busy"), ("NOT_ENOUGH_SPACE while READONLY", "is full")],
)  # fmt: skip
def test_the_words_of_the_engine_have_a_meaning_and_the_first_that_occurs_counts(words, meaning):
    for error in (DatabaseError(words), StreamFailureError(words)):
        assert meaning in explain_failure(error).message
    assert explain_failure(ConnectionError(words)).message == f"the warehouse stopped answering: {words}"


@pytest.mark.parametrize("error", [DatabaseError("Code: 62. (SYNTAX_ERROR)"), ValueError("NOT_ENOUGH_SPACE")])
def test_an_error_that_is_not_of_the_warehouse_is_not_explained(error):
    assert explain_failure(error) is None
