"""This module reads a corpus from standard input."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from trailhouse.errors import BadInputError
from trailhouse.models.texts.corpus import Corpus, read_corpus
from trailhouse.models.texts.text_columns import TextColumns
from trailhouse.support.progress import report_note

SOURCE = "standard input"


def read_corpus_from_stream(
    corpus_id: str,
    stream: BinaryIO,
    file_format: str | None = None,
    description: str = "",
    kind: str = "human",
    columns: TextColumns | None = None,
) -> Corpus:
    """Read a corpus from a stream, which is standard input. ``file_format`` is txt, jsonl, parquet or csv.

    If ``file_format`` is None, the stream is Parquet if it begins like it, JSONL if its first line is a JSON object,
    and one text otherwise. The user is told which of them it is. Raises the errors of ``read_corpus``.
    """
    with tempfile.TemporaryDirectory() as directory:
        spooled = Path(directory) / "standard-input"
        with spooled.open("wb") as file:
            shutil.copyfileobj(stream, file)
        found = file_format or recognise_format(spooled)
        path = spooled.rename(spooled.with_suffix(f".{found}"))
        if file_format is None:
            read_as = "one text" if found == "txt" else found.upper()
            report_note(f"{SOURCE} is read as {read_as}; --format names another format")
        try:
            corpus = read_corpus(corpus_id, [path], description or f"Texts from {SOURCE}", kind, columns)
        except BadInputError as error:
            raise BadInputError(error.message.replace(str(path), SOURCE), error.hint) from error
    return replace(corpus, source=SOURCE)


def recognise_format(path: Path) -> str:
    """Return the format of a file without an ending: parquet, jsonl or txt."""
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return "parquet"
        file.seek(0)
        first = next((line for line in file if line.strip()), b"")
    try:
        return "jsonl" if isinstance(json.loads(first.removeprefix(b"\xef\xbb\xbf")), dict) else "txt"
    except (ValueError, RecursionError):
        return "txt"
