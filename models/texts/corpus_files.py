"""This module reads texts and their names from files. It has one function per file format.

Only one text of a JSONL or CSV file, or a batch of texts of a Parquet file, is in memory at a time. The module
``text_columns`` finds the columns.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trailhouse.errors import BadInputError
from trailhouse.models.texts.text_columns import TextColumns

PARQUET_BATCH_ROWS = 256
NamedText = tuple[str, str]
"""The name of a text, and the text."""


def read_plain_text(path: Path, _columns: TextColumns) -> Iterator[NamedText]:
    """Yield the content of a text file as one document that is named after the file."""
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInputError(f"{path}, line {line}: not UTF-8", "save the file as UTF-8") from error
    yield path.name, check_text(text.removeprefix("\ufeff"), str(path))


def read_jsonl_texts(path: Path, columns: TextColumns) -> Iterator[NamedText]:
    """Yield the documents of a JSONL file, whose lines are objects. Skip blank lines.

    The first object decides in which field the texts are.
    """
    text_field: str | None = None
    for row_number, row in enumerate(_read_lines(path), start=1):
        if row.strip():
            record = _parse_json_row(row, f"{path}, row {row_number}")
            text_field = text_field or columns.find_text_column(list(record), f"{path}, row {row_number}", "field")
            yield _read_json_row(record, path, row_number, text_field, columns)
    if text_field is None:
        raise BadInputError(f"{path}: holds no documents", "write one JSON object with a text per line")


def read_parquet_texts(path: Path, columns: TextColumns) -> Iterator[NamedText]:
    """Yield the documents of a Parquet file: one per row, with the texts and names of the chosen columns."""
    row_number = 0
    for batch, text_column, name_column in _read_parquet_batches(path, columns):
        first_row = row_number + 1
        identifiers = _read_values(batch, name_column, path, first_row) if name_column else repeat(None)
        for value, identifier in zip(_read_values(batch, text_column, path, first_row), identifiers, strict=False):
            row_number += 1
            location = f"{path}, row {row_number}, {text_column}"
            if value is None:
                raise BadInputError(f"{location}: is null", "give every row a text")
            name = f"{path.name}:{row_number}" if identifier is None else str(identifier)
            yield name, check_text(value, location)
    if row_number == 0:
        raise BadInputError(f"{path}: holds no documents", "write at least one row")


def read_csv_texts(path: Path, columns: TextColumns) -> Iterator[NamedText]:
    """Yield the documents of a CSV file with a header: one per row, with the texts and names of the chosen columns.

    Cells are separated by commas, and may be quoted. A row must have as many cells as the header.
    """
    csv.field_size_limit(sys.maxsize)  # by default, a cell has at most 131,072 characters
    row_number = 0
    rows = _read_csv_rows(path)
    header = next(rows, [])
    text_index = header.index(columns.find_text_column(header, str(path), "column"))
    name_column = columns.find_name_column(header, str(path), "column")
    for row in rows:
        row_number += 1
        location = f"{path}, row {row_number}"
        if len(row) != len(header):
            raise BadInputError(
                f"{location}: has {len(row)} cells, and the header has {len(header)}",
                "quote cells with commas or line breaks",
            )
        name = row[header.index(name_column)] if name_column else ""
        text = check_text(row[text_index], f"{location}, {header[text_index]}")
        yield name if name.strip() else f"{path.name}:{row_number}", text
    if row_number == 0:
        raise BadInputError(f"{path}: holds no documents", "write at least one row below the header")


def check_text(text: str, location: str) -> str:
    """Return ``text``, or raise BadInputError naming ``location`` if the text is blank or not valid Unicode."""
    if not text.strip():
        raise BadInputError(f"{location}: the document is empty", "remove it or give it a text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInputError(f"{location}: holds half a surrogate pair", "write the text as valid Unicode") from error
    return text


def _parse_json_row(row: bytes, location: str) -> dict[str, Any]:
    try:
        record = json.loads(row.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadInputError(f"{location}: not UTF-8", "save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{location}: not a JSON object", "write one JSON object per line") from error
    if not isinstance(record, dict):
        raise BadInputError(f"{location}: not a JSON object", "write one JSON object per line")
    return record


def _read_json_row(
    record: dict[str, Any], path: Path, row_number: int, text_field: str, columns: TextColumns
) -> NamedText:
    location = f"{path}, row {row_number}"
    if text_field not in record:
        raise BadInputError(f"{location}, {text_field}: this field is missing", "give every row a text")
    if not isinstance(record[text_field], str):
        raise BadInputError(f"{location}, {text_field}: is not text", "write the field as a string")
    name_field = columns.find_name_column(list(record), location, "field")
    identifier = record[name_field] if name_field else None
    if identifier is not None and (isinstance(identifier, bool) or not isinstance(identifier, str | int)):
        raise BadInputError(f"{location}, {name_field}: is neither text nor a number", "write the field as a string")
    name = f"{path.name}:{row_number}" if identifier is None else str(identifier)
    return check_text(name, f"{location}, {name_field}"), check_text(record[text_field], f"{location}, {text_field}")


def _read_parquet_batches(path: Path, columns: TextColumns) -> Iterator[tuple[pa.RecordBatch, str, str | None]]:
    """Yield batches of rows, with the names of the columns of the texts and of the names."""
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            text_column = columns.find_text_column(names, str(path), "column")
            name_column = columns.find_name_column(names, str(path), "column")
            text_type = file.schema_arrow.field(text_column).type
            if not (pa.types.is_string(text_type) or pa.types.is_large_string(text_type)):
                raise BadInputError(
                    f"{path}, column {text_column}: holds {text_type}, not text", "write it as a string column"
                )
            chosen = list(dict.fromkeys([text_column, *([name_column] if name_column else [])]))
            for batch in file.iter_batches(PARQUET_BATCH_ROWS, columns=chosen):
                yield batch, text_column, name_column
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as Parquet", "write the file again") from error


def _read_csv_rows(path: Path) -> Iterator[list[str]]:
    """Yield the header and the rows of a CSV file, without blank lines."""
    count = 0
    try:
        with refusing_unreadable(path), path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            for row in csv.reader(file, strict=True):
                if row:
                    if any(_holds_undecoded_bytes(cell) for cell in row):
                        place = f"row {count}" if count else "header"
                        raise BadInputError(f"{path}, {place}: not UTF-8", "save the file as UTF-8")
                    count += 1
                    yield row
    except csv.Error as error:
        place = f"after row {count - 1}" if count else "header"
        raise BadInputError(
            f"{path}, {place}: cannot be read as CSV: {error}", "quote its cells as CSV does"
        ) from error


def _holds_undecoded_bytes(cell: str) -> bool:
    """Return whether a text has characters that stand for bytes which are not UTF-8."""
    return any("\udc80" <= character <= "\udcff" for character in cell) if not cell.isascii() else False


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
