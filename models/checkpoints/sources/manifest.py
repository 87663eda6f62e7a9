"""This module reads manifests: files that list the checkpoints of a model one by one, with their steps.

A manifest may be a CSV file. Its columns are path (or revision), step and, optionally, tokens. It may also be a YAML
file with the same fields:

    checkpoints:
      - {path: runs/a/final, step: 143000, tokens: 299892736000}
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.support.declarations import (
    MAXIMUM_INTEGER,
    Count,
    Declaration,
    Text,
    mistake,
    read_declaration,
    read_declaration_text,
)

WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")  # MAXIMUM_INTEGER has 19 digits


@dataclass(frozen=True)
class ManifestEntry:
    """One checkpoint that a manifest lists."""

    location: str
    """An absolute path, or a revision of the repository."""
    position: TrainingPosition


class PathRow(Declaration):
    """A checkpoint in a directory. A relative path is relative to the manifest's directory."""

    path: Text
    step: Count
    tokens: Count | None = None


class RevisionRow(Declaration):
    """A checkpoint in a revision of the hub repository that the suite names."""

    revision: Text
    step: Count
    tokens: Count | None = None


Row = PathRow | RevisionRow
Rows = TypeVar("Rows", bound=Sequence[Row])


def _refuse_repeated_steps(rows: Rows) -> Rows:
    repeated = _find_repeated([row.step for row in rows])
    if repeated is not None:
        raise mistake(f"{rows[repeated].step} occurs twice", "remove one of the two", repeated, "step")
    return rows


class PathManifest(Declaration):
    """A YAML manifest that lists directories."""

    checkpoints: Annotated[tuple[PathRow, ...], Field(min_length=1), AfterValidator(_refuse_repeated_steps)]


class RevisionManifest(Declaration):
    """A YAML manifest that lists revisions."""

    checkpoints: Annotated[tuple[RevisionRow, ...], Field(min_length=1), AfterValidator(_refuse_repeated_steps)]


def read_manifest(path: Path, batch_tokens: int, *, has_revisions: bool) -> list[ManifestEntry]:
    """Return the entries of a manifest in order of their steps.

    If an entry does not state its number of tokens, the number is step x batch_tokens. ``has_revisions`` is True if the
    manifest lists revisions, and False if it lists directories.

    Raises BadInputError naming the file, line and field if a field is missing, unknown or wrong.
    """
    rows: Sequence[Row]
    if path.suffix == ".csv":
        rows = _read_csv(path, "revision" if has_revisions else "path")
    elif path.suffix in (".yaml", ".yml"):
        rows = _read_yaml(path, has_revisions=has_revisions)
    else:
        raise BadInputError(f"{path}: a manifest is a .csv or .yaml file", "give it one of these endings")
    return [_build_entry(row, path.parent, batch_tokens) for row in sorted(rows, key=lambda row: row.step)]


def _build_entry(row: Row, directory: Path, batch_tokens: int) -> ManifestEntry:
    location = row.revision if isinstance(row, RevisionRow) else str((directory / row.path).resolve())
    return ManifestEntry(
        location, TrainingPosition(row.step, row.step * batch_tokens if row.tokens is None else row.tokens)
    )


def _read_yaml(path: Path, *, has_revisions: bool) -> Sequence[Row]:
    if has_revisions:
        return read_declaration(path, RevisionManifest).checkpoints
    return read_declaration(path, PathManifest).checkpoints


def _find_repeated(steps: Iterable[int]) -> int | None:
    """Return the index of the first step that repeats an earlier step, or None."""
    seen: set[int] = set()
    for index, step in enumerate(steps):
        if step in seen:
            return index
        seen.add(step)
    return None


def _read_csv(path: Path, key: str) -> list[Row]:
    """Return the rows of a CSV file. ``key`` is the column that locates a checkpoint: path or revision."""
    reader = csv.DictReader(io.StringIO(read_declaration_text(path)), strict=True)
    rows: list[Row] = []
    lines: list[int] = []
    try:
        header = list(reader.fieldnames or [])
        _check_header(path, header, key)
        for record in reader:
            where = f"{path}, line {reader.line_num}"
            if None in record or None in record.values():
                raise BadInputError(f"{where}: does not have {len(header)} fields", "write one field for each column")
            rows.append(_read_csv_row(record, where, key))
            lines.append(reader.line_num)
    except csv.Error as error:
        raise BadInputError(f"{path}, line {reader.reader.line_num}: not CSV: {error}", "correct the line") from error
    if not rows:
        raise BadInputError(f"{path}: lists no checkpoints", f"add lines with {key} and step")
    repeated = _find_repeated(row.step for row in rows)
    if repeated is not None:
        where = f"{path}, line {lines[repeated]}, step"
        raise BadInputError(f"{where}: {rows[repeated].step} occurs twice", "remove one of the two")
    return rows


def _check_header(path: Path, header: list[str], key: str) -> None:
    for column in (key, "step"):
        if column not in header:
            raise BadInputError(f"{path}, line 1: has no column {column!r}", f"begin it with {key},step,tokens")
    for column in header:
        if column not in {key, "step", "tokens"}:
            raise BadInputError(f"{path}, line 1: column {column!r} is not known", "remove it")


def _read_csv_row(record: dict[str, str], where: str, key: str) -> Row:
    location = record[key].strip()
    if not location:
        raise BadInputError(f"{where}, {key}: is empty", "add it")
    step = _read_number(record["step"], f"{where}, step")
    tokens = _read_number(record["tokens"], f"{where}, tokens") if record.get("tokens", "").strip() else None
    if key == "revision":
        return RevisionRow(revision=location, step=step, tokens=tokens)
    return PathRow(path=location, step=step, tokens=tokens)


def _read_number(text: str, where: str) -> int:
    digits = text.strip().replace("_", "")
    if not WHOLE_NUMBER.fullmatch(digits) or int(digits) > MAXIMUM_INTEGER:
        raise BadInputError(f"{where}: {text!r} is no whole number", "write it in digits")
    return int(digits)
