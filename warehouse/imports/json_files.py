"""Reading JSON of other programs so that every mistake is reported with its file and field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError

MAXIMUM_FILE_BYTES = 256 << 20
MAXIMUM_LINE_BYTES = 16 << 20


@dataclass(frozen=True)
class JsonField:
    """One value of a JSON file, and where it stands."""

    file: Path
    name: str
    """Path of the field from the top, for example results.piqa.acc; empty for the top itself."""
    value: object
    key: str = ""
    """The last part of the name; it may hold dots itself."""
    line: int | None = None
    """Line of a file with one JSON value a line, from 1."""

    def fail(self, problem: str, hint: str) -> BadInputError:
        """Return the error for this field, to be raised by the caller."""
        line = f", line {self.line}" if self.line is not None else ""
        place = f", field {self.name}" if self.name else ""
        return BadInputError(f"{self.file}{line}{place}: {problem}", hint)

    def items(self) -> Iterator[JsonField]:
        """Yield the fields of an object; raises BadInputError if this is none."""
        for key in self._mapping():
            yield self._child(key)

    def find(self, key: str) -> JsonField | None:
        """Return a field of this object, None where it is absent or null; raises BadInputError if this is none."""
        return None if self._mapping().get(key) is None else self._child(key)

    def require(self, key: str) -> JsonField:
        """Return a field of this object; raises BadInputError where it is absent or null."""
        found = self.find(key)
        if found is None:
            raise self._child(key).fail("is missing", "give the file as the program wrote it")
        return found

    def elements(self) -> list[JsonField]:
        """Return the fields of an array; raises BadInputError if this is none."""
        if not isinstance(self.value, list):
            raise self.fail("an array is expected here", "give the file as the program wrote it")
        return [
            JsonField(self.file, f"{self.name}[{index}]", value, str(index), self.line)
            for index, value in enumerate(self.value)
        ]

    def read_text(self) -> str:
        """Return a text that is not empty."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value.strip()
        raise self.fail(f"{_shorten(self.value)} is no text", "give the file as the program wrote it")

    def read_integer(self, minimum: int, maximum: int) -> int:
        """Return a whole number from ``minimum`` to ``maximum``."""
        value = self.value
        is_whole = self.is_number and value == value // 1  # type: ignore[operator]  # it is a number
        if is_whole and minimum <= value <= maximum:  # type: ignore[operator]
            return int(value)  # type: ignore[call-overload, no-any-return]
        raise self.fail(
            f"{_shorten(value)} is no whole number from {minimum} to {maximum}", "give the file as the program wrote it"
        )

    def read_number(self) -> float:
        """Return a number as a float; NaN and infinities are numbers here."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            try:
                return float(self.value)
            except OverflowError:
                return math.inf
        raise self.fail(f"{_shorten(self.value)} is no number", "give the file as the program wrote it")

    def read_truth(self) -> bool:
        """Return true or false."""
        if isinstance(self.value, bool):
            return self.value
        raise self.fail(f"{_shorten(self.value)} is neither true nor false", "give the file as the program wrote it")

    @property
    def is_number(self) -> bool:
        """Whether the value is a number."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    def _mapping(self) -> dict[str, object]:
        if isinstance(self.value, dict):
            return self.value
        raise self.fail("an object is expected here", "give the file as the program wrote it")

    def _child(self, key: str) -> JsonField:
        return JsonField(
            self.file, f"{self.name}.{key}" if self.name else key, self._mapping().get(key), key, self.line
        )


def read_json(file: Path) -> JsonField:
    """Read a JSON file; raises BadInputError where it cannot be read or is no JSON."""
    return JsonField(file, "", parse_json(file, read_bytes(file)))


def read_json_lines(file: Path) -> Iterator[JsonField]:
    """Yield the JSON value of every line that is not blank; raises BadInputError naming file and line."""
    try:
        with file.open("rb") as opened:
            for number, content in enumerate(iter(lambda: opened.readline(MAXIMUM_LINE_BYTES + 1), b""), start=1):
                if len(content) > MAXIMUM_LINE_BYTES:
                    raise BadInputError(f"{file}, line {number}: longer than 16 MiB", "give one JSON value a line")
                if content.strip():
                    yield JsonField(file, "", parse_json(file, content, number), line=number)
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read: {error.strerror}", "check the path and permissions") from error


def read_bytes(file: Path) -> bytes:
    """Read a file of at most 256 MiB; raises BadInputError where that is not possible."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAXIMUM_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInputError(f"{file}: cannot be read: {reason}", "check the path and permissions") from error
    if len(content) > MAXIMUM_FILE_BYTES:
        raise BadInputError(f"{file}: larger than 256 MiB", "check the path: results are small files")
    return content


def parse_json(file: Path, content: bytes, first_line: int = 1) -> object:
    """Parse JSON that begins on ``first_line`` of a file; raises BadInputError naming the file and the line."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = first_line + content[: error.start].count(b"\n")
        raise BadInputError(f"{file}, line {line}: not UTF-8", "save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadInputError(
            f"{file}, line {first_line + error.lineno - 1}: not JSON: {error.msg}", "correct the line"
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise BadInputError(f"{file}, line {first_line}: not JSON: {error}", "correct the number") from error
    except RecursionError as error:
        raise BadInputError(
            f"{file}, line {first_line}: nested too deeply", "give the file as the program wrote it"
        ) from error


def _shorten(value: object) -> str:
    text = type(value).__name__ if isinstance(value, dict | list) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
