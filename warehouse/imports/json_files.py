"""This module reads JSON files of other programs. Every error names the file, the field, and, if known, the line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError

MAXIMUM_FILE_BYTES = 256 << 20
MAXIMUM_LINE_BYTES = 16 << 20
AS_WRITTEN = "give the file as the program wrote it"


@dataclass(frozen=True)
class JsonField:
    """One value of a JSON file, with its file, line and field name for error messages."""

    file: Path
    name: str
    """Path of the field in the file, for example results.piqa.acc; empty for the value of the complete file."""
    value: object
    key: str = ""
    """Name of the field in its object. It is the last part of ``name`` and may contain dots."""
    line: int | None = None
    """Line number, from 1, in a file with one JSON value per line; None in other files."""

    def fail(self, problem: str, hint: str) -> BadInputError:
        """Return an error about this field, which the caller can raise."""
        line = f", line {self.line}" if self.line is not None else ""
        field = f", field {self.name}" if self.name else ""
        return BadInputError(f"{self.file}{line}{field}: {problem}", hint)

    def items(self) -> Iterator[JsonField]:
        """Yield the fields of this object; raises BadInputError if the value is not an object."""
        for key in self._mapping():
            yield self._child(key)

    def find(self, key: str) -> JsonField | None:
        """Return the field ``key`` of this object; None if the field is missing or null.

        Raises BadInputError if the value is not an object.
        """
        return None if self._mapping().get(key) is None else self._child(key)

    def require(self, key: str) -> JsonField:
        """Return the field ``key`` of this object; raises BadInputError if the field is missing or null."""
        found = self.find(key)
        if found is None:
            raise self._child(key).fail("is missing", AS_WRITTEN)
        return found

    def elements(self) -> list[JsonField]:
        """Return the elements of this array; raises BadInputError if the value is not an array."""
        if not isinstance(self.value, list):
            raise self.fail("an array is expected here", AS_WRITTEN)
        return [
            JsonField(self.file, f"{self.name}[{index}]", value, str(index), self.line)
            for index, value in enumerate(self.value)
        ]

    def read_text(self) -> str:
        """Return the text without surrounding blanks; raises BadInputError if the value is no string or is blank."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value.strip()
        raise self.fail(f"{_shorten(self.value)} is not text", AS_WRITTEN)

    def read_integer(self, minimum: int, maximum: int) -> int:
        """Return the value as an integer. The file may write it as 2 or as 2.0.

        Raises BadInputError if the value is no integer from ``minimum`` to ``maximum``.
        """
        value = self.value
        is_whole = self.is_number and value == value // 1  # type: ignore[operator]  # it is a number
        if is_whole and minimum <= value <= maximum:  # type: ignore[operator]
            return int(value)  # type: ignore[call-overload, no-any-return]
        raise self.fail(f"{_shorten(value)} is not an integer from {minimum} to {maximum}", AS_WRITTEN)

    def read_number(self) -> float:
        """Return the value as a float, which may be NaN or infinite; raises BadInputError if it is not a number."""
        if self.is_number:
            try:
                return float(self.value)  # type: ignore[arg-type]  # it is a number
            except OverflowError:
                return math.inf
        raise self.fail(f"{_shorten(self.value)} is not a number", AS_WRITTEN)

    def read_boolean(self) -> bool:
        """Return the value; raises BadInputError if it is not a boolean."""
        if isinstance(self.value, bool):
            return self.value
        raise self.fail(f"{_shorten(self.value)} is neither true nor false", AS_WRITTEN)

    @property
    def is_number(self) -> bool:
        """Whether the value is a number. A boolean is not a number."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    def _mapping(self) -> dict[str, object]:
        if isinstance(self.value, dict):
            return self.value
        raise self.fail("an object is expected here", AS_WRITTEN)

    def _child(self, key: str) -> JsonField:
        return JsonField(
            self.file, f"{self.name}.{key}" if self.name else key, self._mapping().get(key), key, self.line
        )


def read_json(file: Path) -> JsonField:
    """Return the value of a JSON file; raises BadInputError if it cannot be read or is not JSON."""
    return JsonField(file, "", parse_json(file, read_bytes(file)))


def read_json_lines(file: Path) -> Iterator[JsonField]:
    """Yield the JSON value of every line that is not blank; raises BadInputError naming file and line."""
    try:
        with file.open("rb") as opened:
            for number, content in enumerate(iter(lambda: opened.readline(MAXIMUM_LINE_BYTES + 1), b""), start=1):
                if len(content) > MAXIMUM_LINE_BYTES:
                    raise BadInputError(f"{file}, line {number}: longer than 16 MiB", "give one JSON value per line")
                if content.strip():
                    yield JsonField(file, "", parse_json(file, content, number), line=number)
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read: {error.strerror}", "check the path and permissions") from error


def read_bytes(file: Path) -> bytes:
    """Return the content of a file; raises BadInputError if it cannot be read or is larger than 256 MiB."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAXIMUM_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInputError(f"{file}: cannot be read: {reason}", "check the path and permissions") from error
    if len(content) > MAXIMUM_FILE_BYTES:
        raise BadInputError(f"{file}: larger than 256 MiB", "check the path; files of results are smaller")
    return content


def parse_json(file: Path, content: bytes, first_line: int = 1) -> object:
    """Parse JSON text that begins on line ``first_line`` of a file; raises BadInputError naming file and line."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = first_line + content[: error.start].count(b"\n")
        raise BadInputError(f"{file}, line {line}: not UTF-8", "save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadInputError(
            f"{file}, line {first_line + error.lineno - 1}: not JSON: {error.msg}", "correct the line"
        ) from error
    except ValueError as error:  # an integer with more digits than Python converts
        raise BadInputError(f"{file}, line {first_line}: not JSON: {error}", "correct the number") from error
    except RecursionError as error:
        raise BadInputError(f"{file}, line {first_line}: nested too deeply", AS_WRITTEN) from error


def _shorten(value: object) -> str:
    text = type(value).__name__ if isinstance(value, dict | list) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
