"""Errors: the HTTP status for the name of an error, and how code, name and text are read from the engine's messages."""

from __future__ import annotations

import pytest

from trailhouse.server.clickhouse_errors import ServerError, parse_engine_error, status_of_error


@pytest.mark.parametrize(
    ("status", "names"),
    [
        (401, "REQUIRED_PASSWORD"),
        (403, "UNKNOWN_USER WRONG_PASSWORD AUTHENTICATION_FAILED SET_NON_GRANTED_ROLE"),
        (400, "BAD_ARGUMENTS SYNTAX_ERROR TYPE_MISMATCH ILLEGAL_COLUMN THERE_IS_NO_COLUMN INCORRECT_DATA"),
        (400, "CANNOT_PARSE_TEXT CANNOT_PARSE_NUMBER CANNOT_PARSE_DATETIME CANNOT_PARSE_INPUT_ASSERTION_FAILED"),
        (404, "UNKNOWN_TABLE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_DATABASE UNKNOWN_SETTING UNKNOWN_FORMAT"),
        (404, "UNKNOWN_ROLE UNKNOWN_TYPE UNKNOWN_STORAGE UNKNOWN_AGGREGATE_FUNCTION"),
        (408, "TIMEOUT_EXCEEDED"),
        (411, "HTTP_LENGTH_REQUIRED"),
        (413, "QUERY_IS_TOO_LARGE"),
        (501, "NOT_IMPLEMENTED"),
        (503, "SOCKET_TIMEOUT CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK TOO_MANY_SIMULTANEOUS_QUERIES"),
        (500, "MEMORY_LIMIT_EXCEEDED READONLY ACCESS_DENIED SESSION_IS_LOCKED SESSION_NOT_FOUND UNKNOWN_EXCEPTION"),
    ],
)
def test_errors_have_the_status_that_clickhouse_gives_their_name(status, names):
    assert {name: status_of_error(name) for name in names.split()} == dict.fromkeys(names.split(), status)


@pytest.mark.parametrize(
    ("message", "code", "name", "text"),
    [
        ("Code: 60. DB::Exception: No table t. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "No table t."),
        ("x\nCode: 60. DB::Exception: No t. (UNKNOWN_TABLE) (version 26.9.2.1)", 60, "UNKNOWN_TABLE", "No t."),
        ("Code: 60. DB::Exception: No t. (UNKNOWN_TABLE) (version 26.9.2.1 (a b)).", 60, "UNKNOWN_TABLE", "No t."),
        ("Code: 60. DB::Exception: a (b) c (UNKNOWN_TABLE).", 60, "UNKNOWN_TABLE", "a (b) c"),
        ("Code: 60. DB::Exception: a (UNKNOWN_TABLE) (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "a"),
        ("Code: 60. DB::Exception: about (NAME) a (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "about (NAME) a"),
        ("Code: 1. DB::Exception: Code: 60. DB::Exception: a (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "a"),
        (
            "Code: 73. DB::Exception: Code: 73. DB::Exception: Code: 73. DB::Exception: No f. (UNKNOWN_FORMAT)"
            " (version 26.9.2.1). (UNKNOWN_FORMAT) (version 26.9.2.1). (UNKNOWN_FORMAT)",
            73,
            "UNKNOWN_FORMAT",
            "No f.",
        ),
        (
            "Code: 1. DB::Exception: first: Code: 60. DB::Exception: a (SOME_NAME)",
            1,
            "SOME_NAME",
            "first: Code: 60. DB::Exception: a",
        ),
        (
            "Code: 1001. DB::Exception: Code: 107. DB::ErrnoException: no x (NO_FILE) (STD_EXCEPTION)",
            107,
            "NO_FILE",
            "no x",
        ),
        ("Code: 9. DB::Exception: nameless", 9, "UNKNOWN_EXCEPTION", "nameless"),
        (" something else ", 1001, "STD_EXCEPTION", "something else"),
    ],
)
def test_code_name_and_text_are_read_from_the_engines_message(message, code, name, text):
    error = parse_engine_error(message)
    assert (error.code, error.name, error.text) == (code, name, text)
    assert error.status == status_of_error(name)


def test_an_error_that_quotes_other_bytes_than_utf_8_is_read():
    message = b"Code: 62. DB::Exception: failed at \xb5 (SYNTAX_ERROR)"
    error = parse_engine_error(UnicodeDecodeError("utf-8", message, 34, 35, "invalid start byte"))
    assert (error.code, error.name, error.text) == (62, "SYNTAX_ERROR", "failed at \ufffd")


@pytest.mark.parametrize(
    "quoted",
    [
        "INTO OUTFILE '/dev/fd/7' APPEND FORMAT CSV SETTINGS a = 'b'",
        "OUTFILE '/dev/fd/7' APPEND",
        "FROM INFILE '/dev/fd/12' COMPRESSION 'none'",
        "infile '/dev/fd/12'",
    ],
)
def test_the_clauses_that_the_server_added_are_not_shown(quoted):
    message = f"Code: 62. DB::Exception: failed at position 9: {quoted} (SYNTAX_ERROR)"
    assert parse_engine_error(message, hidden="other").text == "failed at position 9: end of query."
    assert parse_engine_error(message, hidden=quoted).text == "failed at position 9: "
    assert quoted in parse_engine_error(message).text


def test_the_pipe_of_the_rows_is_not_shown():
    message = (
        "Code: 62. DB::Exception: Cannot parse a: (in file/uri /dev/fd/7): While executing ValuesBlockInputFormat: "
        "While executing File: data for INSERT was parsed from file. (SYNTAX_ERROR)"
    )
    assert parse_engine_error(message, hidden="other").text == "Cannot parse a: While executing ValuesBlockInputFormat."


def test_an_error_is_worded_as_clickhouse_does():
    error = ServerError(62, "SYNTAX_ERROR", "Syntax error")
    assert error.format_body("26.9.2.1") == "Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR) (version 26.9.2.1)\n"
    assert (error.status, ServerError(1, "NAME", "x", status=418).status) == (400, 418)
