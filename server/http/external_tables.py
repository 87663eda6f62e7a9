"""Multipart requests: the query and its parameters as form fields, and external tables as files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException

from trailhouse.server.engine.engine import Handle, format_settings, quote_identifier
from trailhouse.server.errors import ServerError, parse_engine_error
from trailhouse.server.http.body import RequestBody
from trailhouse.server.http.form import BoundedFormParser
from trailhouse.server.http.request import QueryRequest
from trailhouse.server.sql.guard import ONLY_LITERALS

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class ExternalTable:
    """Rows sent beside the query, which sees them as a table."""

    name: str
    structure: str
    format: str
    file: IO[bytes]

    @property
    def definition(self) -> bytes:
        """The statement that makes the table."""
        create = f"CREATE TEMPORARY TABLE {quote_identifier(self.name)} ({self.structure}) ENGINE = Memory"
        return create.encode(errors="surrogateescape")


def is_multipart(request: QueryRequest) -> bool:
    """Whether the body is a form."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def read_form(request: QueryRequest, body: RequestBody) -> list[ExternalTable]:
    """Take the form's fields into ``request`` and return its files. Raises ServerError."""
    parser = BoundedFormParser(Headers({"content-type": request.headers["content-type"]}), body.stream())
    try:
        form = await parser.parse()
    except (MultiPartException, AssertionError) as error:
        raise ServerError(36, "BAD_ARGUMENTS", f"Cannot read the multipart body: {error}") from error
    files = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files[name] = value.file
        else:
            request.absorb_field(name, value.encode(errors="surrogateescape"))
    request.absorb_external_options(set(files))
    return [_describe_table(name, file, request.external_options.get(name, {})) for name, file in files.items()]


def load_table(handle: Handle, table: ExternalTable) -> None:
    """Make the table on this handle, for as long as the handle lives; blocks. Raises ServerError.

    The definition has to have passed the guard; rows in the Values format may hold literals, and no expressions.
    """
    handle.run(table.definition)
    sql = f"INSERT INTO {quote_identifier(table.name)} SETTINGS {format_settings(ONLY_LITERALS)}"
    try:
        insert = handle.connection.send_insert(sql, table.format)
        while data := table.file.read(_PIECE_BYTES):
            insert.append(data)
        insert.finish()
    except RuntimeError as error:
        raise parse_engine_error(str(error)) from None


def drop_table(handle: Handle, table: ExternalTable) -> None:
    """Take the table away again, where the handle lives on; blocks."""
    handle.run(f"DROP TEMPORARY TABLE IF EXISTS {quote_identifier(table.name)}")


def _describe_table(name: str, file: IO[bytes], options: dict[str, str]) -> ExternalTable:
    structure = options.get("structure", "")
    if not structure and "types" in options:
        types = _split_types(options["types"])
        structure = ", ".join(f"`_{number}` {column}" for number, column in enumerate(types, start=1))
    if not structure:
        raise ServerError(
            36, "BAD_ARGUMENTS", f"Neither {name}_structure nor {name}_types have not been provided for external table"
        )
    row_format = options.get("format", "TabSeparated")
    if not row_format.isalnum():
        raise ServerError(73, "UNKNOWN_FORMAT", f"Unknown format {row_format}")
    return ExternalTable(name, structure, row_format, file)


def _split_types(text: str) -> list[str]:
    types, depth, start = [], 0, 0
    for index, character in enumerate(text + ","):
        if character == "," and depth == 0:
            types.append(text[start:index].strip())
            start = index + 1
        depth += {"(": 1, ")": -1}.get(character, 0)
    return types
