"""Manifests: files that list the checkpoints of a model one by one, with their steps.

CSV with the columns path (or revision), step and, optionally, tokens; or YAML:

    checkpoints:
      - {path: runs/a/final, step: 143000, tokens: 299892736000}
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.support.declarations import DeclarationMapping, read_declaration, read_declaration_text

MAXIMUM_NUMBER = 2**63 - 1


@dataclass(frozen=True)
class ManifestEntry:
    """One checkpoint of a manifest: a path, absolute or beside the manifest, or a revision of the repository."""

    place: str
    position: TrainingPosition


def read_manifest(path: Path, batch_tokens: int, *, has_revisions: bool) -> list[ManifestEntry]:
    """Return the entries of a manifest in order of their steps.

    Tokens that are not stated are step x batch_tokens.

    Errors: BadInputError naming file, line and field for whatever is missing, unknown or wrong.
    """
    place = "revision" if has_revisions else "path"
    if path.suffix == ".csv":
        rows = _read_csv(path, place)
    elif path.suffix in (".yaml", ".yml"):
        rows = _read_yaml(path, place)
    else:
        raise BadInputError(f"{path}: a manifest is a .csv or .yaml file", "give it one of these endings")
    entries: dict[int, ManifestEntry] = {}
    for line, name, step, tokens in rows:
        if step in entries:
            raise BadInputError(f"{path}, line {line}, step: {step} occurs twice", "remove one of the two")
        position = TrainingPosition(step, step * batch_tokens if tokens is None else tokens)
        entries[step] = ManifestEntry(name if has_revisions else str((path.parent / name).resolve()), position)
    if not entries:
        raise BadInputError(f"{path}: lists no checkpoints", f"add lines with {place} and step")
    return [entries[step] for step in sorted(entries)]


ManifestRow = tuple[int, str, int, int | None]


def _read_yaml(path: Path, place: str) -> list[ManifestRow]:
    _, mapping = read_declaration(path)
    mapping.refuse_unknown({"checkpoints"})
    return [_read_yaml_row(entry, place) for entry in mapping.read_mappings("checkpoints")]


def _read_yaml_row(entry: DeclarationMapping, place: str) -> ManifestRow:
    entry.refuse_unknown({place, "step", "tokens"})
    name, step = entry.read_text(place), entry.read_integer("step", minimum=0)
    return entry.line, name, step, entry.read_optional_integer("tokens", minimum=0)


def _read_csv(path: Path, place: str) -> list[ManifestRow]:
    reader = csv.DictReader(io.StringIO(read_declaration_text(path)), strict=True)
    rows: list[ManifestRow] = []
    try:
        header = reader.fieldnames or []
        for column in (place, "step"):
            if column not in header:
                raise BadInputError(f"{path}, line 1: has no column {column!r}", f"begin it with {place},step,tokens")
        for column in header:
            if column not in {place, "step", "tokens"}:
                raise BadInputError(f"{path}, line 1: column {column!r} is not known", "remove it")
        for row in reader:
            line = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise BadInputError(f"{line}: does not have {len(header)} fields", "write one field for each column")
            if not row[place].strip():
                raise BadInputError(f"{line}, {place}: is empty", "add it")
            tokens = _read_number(row["tokens"], f"{line}, tokens") if row.get("tokens", "").strip() else None
            rows.append((reader.line_num, row[place].strip(), _read_number(row["step"], f"{line}, step"), tokens))
    except csv.Error as error:
        raise BadInputError(f"{path}, line {reader.reader.line_num}: not CSV: {error}", "correct the line") from error
    return rows


def _read_number(text: str, place: str) -> int:
    digits = text.strip().replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and int(digits) <= MAXIMUM_NUMBER):
        raise BadInputError(f"{place}: {text!r} is no whole number", "write it in digits")
    return int(digits)
