"""This module loads external tables, whose rows a multipart request sends together with the query that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.execution import Execution, apply_settings
from trailhouse.server.engine.handle import Handle
from trailhouse.server.engine.insert_stream import InsertStream
from trailhouse.server.http.multipart_form import BoundedFormParser
from trailhouse.server.http.request import ExternalOptions, QueryRequest
from trailhouse.server.http.request_body import RequestBody
from trailhouse.server.sql.guard import ONLY_LITERALS
from trailhouse.server.sql.insert_head import InsertHead
from trailhouse.support.quoting import quote_identifier

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class ExternalTable:
    """The name, columns and rows of an external table."""

    name: str
    structure: str
    format: str
    file: IO[bytes]

    @property
    def definition(self) -> bytes:
        """The SQL statement that creates the external table as a temporary table."""
        create = f"CREATE TEMPORARY TABLE {quote_identifier(self.name)} ({self.structure}) ENGINE = Memory"
        return create.encode(errors="surrogateescape")


def is_multipart(request: QueryRequest) -> bool:
    """Return whether the request's body is a multipart form."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def read_form(request: QueryRequest, body: RequestBody) -> list[ExternalTable]:
    """Add the form's fields to ``request``, and return the form's files as external tables.

    Raises ServerError if the form is malformed.
    """
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
            request.add_field(name, value.encode(errors="surrogateescape"))
    return [_describe_table(name, file, request.take_external_options(name)) for name, file in files.items()]


def create_table(execution: Execution, table: ExternalTable) -> None:
    """Create the external table as a temporary table on the handle of ``execution``.

    The table exists until it is dropped or the handle is closed. Call this function only after the guard
    (``server/sql/guard.py``) has accepted the table's definition. The call blocks. Raises ServerError if the engine
    refuses the definition.
    """
    with apply_settings(execution):
        execution.handle.run(table.definition)


def load_rows(engine: Engine, execution: Execution, table: ExternalTable) -> None:
    """Insert the rows of the external table into the temporary table of its name.

    The settings of ``execution`` say how the rows are read. Rows in the Values format may hold literals, but no SQL
    expressions. The call blocks until all rows are inserted. Raises ServerError if the engine refuses the rows.
    """
    head = InsertHead(f"INSERT INTO {quote_identifier(table.name)}".encode(), b"", table.format, 0)
    stream = InsertStream(engine, execution, head, ONLY_LITERALS)
    try:
        stream.start()
        while data := table.file.read(_PIECE_BYTES):
            stream.append(data)
        stream.finish()
    except BaseException:
        stream.cancel()
        raise


def drop_table(handle: Handle, table: ExternalTable) -> None:
    """Drop an external table from the handle of a session, which stays open after the query. The call blocks."""
    handle.run(f"DROP TEMPORARY TABLE IF EXISTS {quote_identifier(table.name)}")


def _describe_table(name: str, file: IO[bytes], options: ExternalOptions) -> ExternalTable:
    structure = options.structure
    if not structure and options.types:
        types = _split_types(options.types)
        structure = ", ".join(f"`_{number}` {column}" for number, column in enumerate(types, start=1))
    if not structure:
        raise ServerError(
            36, "BAD_ARGUMENTS", f"Neither {name}_structure nor {name}_types have not been provided for external table"
        )
    if not options.format.isalnum():
        raise ServerError(73, "UNKNOWN_FORMAT", f"Unknown format {options.format}")
    return ExternalTable(name, structure, options.format, file)


def _split_types(text: str) -> list[str]:
    """Return the types of a list such as ``Int32, Array(String)``, split at the commas outside parentheses."""
    types, depth, start = [], 0, 0
    for index, character in enumerate(text + ","):
        if character == "," and depth == 0:
            types.append(text[start:index].strip())
            start = index + 1
        depth += {"(": 1, ")": -1}.get(character, 0)
    return types
