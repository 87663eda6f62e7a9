"""Errors as ClickHouse's HTTP interface shows them: code, name and status."""

from __future__ import annotations

import re

# ClickHouse's HTTP handler maps error names to statuses; everything it does not name is a 500.
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

_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)[\s.]*(?:\(version [^)]*(?:\([^)]*\))?\)[\s.]*)?$")
_VERSION = re.compile(r"\s*\(version [\d.]+(?: \([^)]*\))?\)\.?")


class ServerError(Exception):
    """An error a client sees: ClickHouse's code and name, and the HTTP status they imply."""

    def __init__(self, code: int, name: str, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.name = name
        self.text = text
        self.status = status if status is not None else status_of_error(name)

    def format_body(self, version: str) -> str:
        """The error as the server's response body words it."""
        return f"Code: {self.code}. DB::Exception: {self.text} ({self.name}) (version {version})\n"


def status_of_error(name: str) -> int:
    """The HTTP status that ClickHouse gives an error of this name."""
    if name.startswith("CANNOT_PARSE_"):
        return 400
    return _STATUS_OF_NAME.get(name, 500)


_HIDDEN_FILE = re.compile(r"(?:(?:into\s+)?outfile|(?:from\s+)?infile)\s+'/dev/fd/\d+'.*", re.IGNORECASE | re.DOTALL)


def parse_engine_error(message: str, *, hidden: str = "") -> ServerError:
    """The engine's own message as a ServerError, without ``hidden``, the text the server added to the query.

    The engine wraps some errors in a second "Code: N. DB::Exception:"; the inner one is what went wrong.
    """
    starts = list(_CODE.finditer(message))
    if not starts:
        return ServerError(1001, "STD_EXCEPTION", message.strip())
    code, text = int(starts[0][1]), message[starts[0].end() :]
    if len(starts) > 1 and not message[starts[0].end() : starts[1].start()].strip():
        code, text = int(starts[1][1]), message[starts[1].end() :]
    text = _VERSION.sub("", text).strip()
    name = "UNKNOWN_EXCEPTION"
    while found := _NAME.search(text):
        name, text = found[1], text[: found.start()].rstrip()
        if not text.endswith(f"({name})") and not text.endswith(f"({name})."):
            break
    if hidden:
        text = _remove_hidden_text(text, hidden)
    return ServerError(code, name, text)


def _remove_hidden_text(text: str, hidden: str) -> str:
    text = text.replace(hidden, "")
    # the parser quotes the rest of the query from the token it stumbled over, which may lie inside our text
    return _HIDDEN_FILE.sub("end of query.", text)
