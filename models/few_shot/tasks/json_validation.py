"""This module reads hand-written JSON into pydantic models, and reports every mistake with its file and field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from trailhouse.errors import BadInputError

MAXIMUM_FILE_BYTES = 1 << 28
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Model = TypeVar("Model", bound=BaseModel)
FieldPath = tuple[int | str, ...]


def read_bytes(path: Path) -> bytes:
    """Return the content of a task file.

    Raises BadInputError if the file cannot be read or is too large for a task.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_FILE_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the file's permissions") from error
    if len(content) > MAXIMUM_FILE_BYTES:
        raise BadInputError(f"{path}: larger than {MAXIMUM_FILE_BYTES >> 20} MiB", "split the task into subtasks")
    return content.removeprefix(BYTE_ORDER_MARK)


def validate_json(model: type[Model], raw: bytes, location: str) -> Model:
    """Parse JSON text into a pydantic model.

    Raises BadInputError naming ``location`` and the field if the text is not JSON, does not fit the model, or has an
    object with two members of the same name. Python's own parser would silently drop the first of these members.
    """
    try:
        content = model.model_validate_json(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        message = problem["msg"].replace("\n", " ")
        raise BadInputError(
            f"{_join(location, problem['loc'])}: {message}", "correct the field, see docs/reference/tasks.md"
        ) from error
    _refuse_repeated_names(raw, location)
    return content


class _Members(list[tuple[str, object]]):
    """The (name, value) members of a JSON object in their order, including members with repeated names."""


def _refuse_repeated_names(raw: bytes, location: str) -> None:
    # Keep numbers as text, because very long numbers are slow to convert, and Python refuses even longer numbers
    content = json.loads(raw.decode(errors="replace"), object_pairs_hook=_Members, parse_int=str, parse_float=str)
    found = _find_repeated_name(content, ())
    if found is not None:
        field, name = found
        raise BadInputError(f"{_join(location, field)}: {name!r} occurs twice", "write every name once")


def _find_repeated_name(value: object, field: FieldPath) -> tuple[FieldPath, str] | None:
    """Return the path of the first object that has two members of the same name, and return this name too.

    Returns None if no object has two members of the same name.
    """
    members: Iterable[tuple[int | str, object]] = ()
    if isinstance(value, _Members):
        seen: set[str] = set()
        for name, _ in value:
            if name in seen:
                return field, name
            seen.add(name)
        members = value
    elif isinstance(value, list):
        members = enumerate(value)
    for key, inner in members:
        if isinstance(inner, list) and (found := _find_repeated_name(inner, (*field, key))) is not None:
            return found
    return None


def _join(location: str, field: Sequence[int | str]) -> str:
    """Return the location followed by the path of a field, for example ``task.json, examples[3].input``."""
    text = ""
    for key in field:
        text += f"[{key}]" if isinstance(key, int) else f"{'.' if text else ''}{key}"
    return f"{location}, {text}" if text else location
