"""Errors in the form that ClickHouse's HTTP interface gives them: a code, a name and an HTTP status."""

from __future__ import annotations

import re

# The HTTP status that ClickHouse gives to each error, by the error's name. An error that is not listed gets status 500.
_STATUS_OF_NAME = (
    {
        "REQUIRED_PASSWORD": 401,
        "UNKNOWN_USER": 403,
        "WRONG_PASSWORD": 403,
        "AUTHENTICATION_FAILED": 403,
        "SET_NON_GRANTED_ROLE": 403,
        "TIMEOUT_EXCEEDED": 408,
        "HTTP_LENGTH_REQUIRED": 411,
        "QUERY_IS_TOO_LARGE": 413,
        "NOT_IMPLEMENTED": 501,
        "SOCKET_TIMEOUT": 503,
        "CANNOT_OPEN_FILE": 503,
        "CANNOT_SCHEDULE_TASK": 503,
        "TOO_MANY_SIMULTANEOUS_QUERIES": 503,
    }
    | dict.fromkeys(
        [
            "BAD_ARGUMENTS",
            "CANNOT_COMPILE_REGEXP",
            "DUPLICATE_COLUMN",
            "ILLEGAL_COLUMN",
            "ILLEGAL_TYPE_OF_ARGUMENT",
            "INCORRECT_DATA",
            "SYNTAX_ERROR",
            "THERE_IS_NO_COLUMN",
            "TOO_BIG_AST",
            "TOO_DEEP_AST",
            "TYPE_MISMATCH",
            "UNEXPECTED_AST_STRUCTURE",
            "UNKNOWN_ELEMENT_IN_AST",
            "UNKNOWN_TYPE_OF_AST_NODE",
            "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
        ],
        400,
    )
    | dict.fromkeys(
        [
            "UNKNOWN_AGGREGATE_FUNCTION",
            "UNKNOWN_DATABASE",
            "UNKNOWN_DATABASE_ENGINE",
            "UNKNOWN_DIRECTION_OF_SORTING",
            "UNKNOWN_FORMAT",
            "UNKNOWN_FUNCTION",
            "UNKNOWN_IDENTIFIER",
            "UNKNOWN_ROLE",
            "UNKNOWN_SETTING",
            "UNKNOWN_STORAGE",
            "UNKNOWN_TABLE",
            "UNKNOWN_TYPE",
            "UNKNOWN_TYPE_OF_QUERY",
        ],
        404,
    )
)

# Matches the code of an error. The engine repeats it, once for each layer that passes the error on.
_CODES = re.compile(r"(?:Code: (\d+)\. DB::\w*Exception:\s*)+")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)[\s.]*(?:\(version [^)]*(?:\([^)]*\))?\)[\s.]*)?$")
_VERSION = re.compile(r"\s*\(version [\d.]+(?: \([^)]*\))?\)\.?")
# Matches the OUTFILE or INFILE clause that the server adds to a statement, and all text after this clause.
_HIDDEN_FILE = re.compile(r"(?:(?:into\s+)?outfile|(?:from\s+)?infile)\s+'/dev/fd/\d+'.*", re.IGNORECASE | re.DOTALL)
# Matches the words about the file that the engine takes the server's pipe for.
_PIPE_AS_FILE = re.compile(
    r":? ?\(in file/uri /dev/fd/\d+\)|: While executing File|: data for INSERT was parsed from file"
)

# what chDB raises if a query fails; the second if the message quotes bytes that are not UTF-8
ENGINE_ERRORS = (RuntimeError, UnicodeDecodeError)


class ServerError(Exception):
    """An error that is sent to the client, with ClickHouse's code and name.

    If no ``status`` is given, the name determines the HTTP status.
    """

    def __init__(self, code: int, name: str, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.name = name
        self.text = text
        self.status = status if status is not None else status_of_error(name)

    def format_body(self, version: str) -> str:
        """Return the text of the error for the body of an HTTP response."""
        return f"Code: {self.code}. DB::Exception: {self.text} ({self.name}) (version {version})\n"


def status_of_error(name: str) -> int:
    """Return the HTTP status that ClickHouse gives to an error of this name."""
    if name.startswith("CANNOT_PARSE_"):
        return 400
    return _STATUS_OF_NAME.get(name, 500)


def parse_engine_error(error: str | Exception, *, hidden: str = "") -> ServerError:
    """Return the ServerError that an error of the engine, or its message, describes.

    ``hidden`` is text that the server added to the query. This text is removed from the error, because the client did
    not write it. Some messages begin with several codes, "Code: N. DB::Exception:". The last one is then returned,
    because it belongs to the error that is the cause of the failure.
    """
    message = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    start = _CODES.search(message)
    if start is None:
        return ServerError(1001, "STD_EXCEPTION", message.strip())
    text, name = _split_name(_VERSION.sub("", message[start.end() :]).strip())
    return ServerError(int(start[1]), name, _remove_hidden_text(text, hidden) if hidden else text)


def _split_name(text: str) -> tuple[str, str]:
    """Split the error's name, which may occur twice, off the end of the text. Return the text and the name."""
    name = "UNKNOWN_EXCEPTION"
    while found := _NAME.search(text):
        name, text = found[1], text[: found.start()].rstrip()
        # STD_EXCEPTION is the name of an error of C++ that has the error of the engine in it
        if name != "STD_EXCEPTION" and not text.endswith((f"({name})", f"({name}).")):
            break
    return text, name


def _remove_hidden_text(text: str, hidden: str) -> str:
    text = text.replace(hidden, "")
    # A syntax error quotes the query from the offending token to the end. If this token is in the hidden text, the
    # error holds only the end of the hidden text, which is removed here.
    return _PIPE_AS_FILE.sub("", _HIDDEN_FILE.sub("end of query.", text))
