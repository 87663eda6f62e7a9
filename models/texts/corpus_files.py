"""This module reads texts and their names from files. It has one function per file format.

Only one text of a JSONL file, or a batch of texts of a Parquet file, is in memory at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trailhouse.errors import BadInputError

PARQUET_BATCH_ROWS = 256
NamedText = tuple[str, str]
"""The name of a text, and the text."""


def read_plain_text(path: Path) -> Iterator[NamedText]:
    """Yield the content of a text file as one document that is named after the file."""
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInputError(f"{path}, line {line}: not UTF-8", "save the file as UTF-8") from error
    yield path.name, check_text(text.removeprefix("\ufeff"), str(path))


def read_jsonl_texts(path: Path) -> Iterator[NamedText]:
    """Yield the documents of a JSONL file: objects with ``text`` and, optionally, ``id``. Skip blank lines."""
    count = 0
    for row_number, row in enumerate(_read_lines(path), start=1):
        if row.strip():
            count += 1
            yield _read_json_row(row, path, row_number)
    if count == 0:
        raise BadInputError(f"{path}: holds no documents", "write one JSON object with a text per line")


def read_parquet_texts(path: Path) -> Iterator[NamedText]:
    """Yield the documents of a Parquet file: texts from column ``text``, names from column ``id`` if it exists."""
    row_number = 0
    for batch in _read_parquet_batches(path):
        first_row = row_number + 1
        identifiers = _read_values(batch, "id", path, first_row) if "id" in batch.schema.names else repeat(None)
        for value, identifier in zip(_read_values(batch, "text", path, first_row), identifiers, strict=False):
            row_number += 1
            if value is None:
                raise BadInputError(f"{path}, row {row_number}, text: is null", "give every row a text")
            name = f"{path.name}:{row_number}" if identifier is None else str(identifier)
            yield name, check_text(value, f"{path}, row {row_number}, text")
    if row_number == 0:
        raise BadInputError(f"{path}: holds no documents", "write at least one row")


def check_text(text: str, location: str) -> str:
    """Return ``text``, or raise BadInputError naming ``location`` if the text is blank or not valid Unicode."""
    if not text.strip():
        raise BadInputError(f"{location}: the document is empty", "remove it or give it a text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInputError(f"{location}: holds half a surrogate pair", "write the text as valid Unicode") from error
    return text


def _read_json_row(row: bytes, path: Path, row_number: int) -> NamedText:
    location = f"{path}, row {row_number}"
    try:
        record = json.loads(row.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadInputError(f"{location}: not UTF-8", "save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{location}: not a JSON object", "write one JSON object per line") from error
    if not isinstance(record, dict):
        raise BadInputError(f"{location}: not a JSON object", "write one JSON object per line")
    if "text" not in record:
        raise BadInputError(f"{location}, text: this field is missing", "give every row a text")
    if not isinstance(record["text"], str):
        raise BadInputError(f"{location}, text: is not text", "write the field as a string")
    identifier = record.get("id")
    if identifier is not None and (isinstance(identifier, bool) or not isinstance(identifier, str | int)):
        raise BadInputError(f"{location}, id: is neither text nor a number", "write the field as a string")
    name = f"{path.name}:{row_number}" if identifier is None else str(identifier)
    return check_text(name, f"{location}, id"), check_text(record["text"], f"{location}, text")


def _read_parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "text" not in names:
                raise BadInputError(f"{path}, column text: there is no such column", "name the column of texts text")
            text_type = file.schema_arrow.field("text").type
            if not (pa.types.is_string(text_type) or pa.types.is_large_string(text_type)):
                raise BadInputError(f"{path}, column text: holds {text_type}, not text", "write it as a string column")
            columns = [name for name in ("id", "text") if name in names]
            yield from file.iter_batches(PARQUET_BATCH_ROWS, columns=columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as Parquet", "write the file again") from error


def _read_values(batch: pa.RecordBatch, name: str, path: Path, first_row: int) -> list[Any]:
    values: list[Any] = []
    for row_number, value in enumerate(batch.column(name), start=first_row):
        try:
            values.append(value.as_py())
        except (ValueError, OverflowError) as error:  # as_py fails on invalid UTF-8 and on dates out of range
            location = f"{path}, row {row_number}, {name}"
            raise BadInputError(f"{location}: cannot be read: {error}", "write the file again") from error
    return values


def _read_bytes(path: Path) -> bytes:
    with refusing_unreadable(path):
        return path.read_bytes()


def _read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without a byte order mark at its beginning."""
    with refusing_unreadable(path), path.open("rb") as file:
        yield file.readline().removeprefix(b"\xef\xbb\xbf")
        yield from file


@contextmanager
def refusing_unreadable(path: Path) -> Iterator[None]:
    """Raise BadInputError naming the file if the block raises an OSError."""
    try:
        yield
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the file's permissions") from error
