"""This module reads corpora from files. A corpus is a set of documents that are scored together.

The module defines the identity of a corpus, and builds the rows of ``raw_corpus`` and ``raw_document``. Every scored
text is a document of a corpus, whether a person or a model wrote it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.texts.corpus_files import (
    NamedText,
    read_csv_texts,
    read_jsonl_texts,
    read_parquet_texts,
    read_plain_text,
)
from trailhouse.models.texts.text_columns import TEXT_COLUMNS, TextColumns
from trailhouse.support.progress import report_note

DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("corpus_id", pa.string(), nullable=False),
        pa.field("document_id", pa.int32(), nullable=False),
        pa.field("document_name", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("document_sha256", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("provenance", pa.string(), nullable=False),
        pa.field("scored_from_position", pa.int32(), nullable=False),
        pa.field("token_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("tokenizer_id", pa.string(), nullable=False),
        pa.field("scored_from_byte", pa.int32(), nullable=False),
    ]
)
FILE_READERS = {
    ".txt": read_plain_text,
    ".jsonl": read_jsonl_texts,
    ".parquet": read_parquet_texts,
    ".csv": read_csv_texts,
}
FILE_KINDS = ".txt, .jsonl, .parquet or .csv"


@dataclass(frozen=True)
class Document:
    """One text of a corpus and its origin."""

    document_name: str
    text: str
    kind: str = "human"
    provenance: str = "{}"
    """JSON object with details of the text's origin; empty for texts that a person wrote."""
    scored_from_position: int = 0
    """First token position that is included in aggregates. Earlier positions belong to the prompt."""
    token_ids: tuple[int, ...] = ()
    """The exact tokens of a text that was made from tokens; empty for other texts.

    The tokens stand for the text under ``tokenizer_id`` only. To tokenize the text again could give other tokens.
    """
    tokenizer_id: str = ""
    """The tokenizer of ``token_ids``; empty if there are none."""
    scored_from_byte: int = 0
    """First byte of the text that is included in aggregates under another tokenizer than ``tokenizer_id``.

    It is 0 for a text without exact tokens that is no word-in-context document.
    """

    @property
    def document_sha256(self) -> str:
        """SHA-256 of the UTF-8 text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Corpus:
    """A named, ordered set of documents. A document's ``document_id`` is its index in the set, from 0."""

    corpus_id: str
    description: str
    source: str
    documents: tuple[Document, ...]

    @cached_property
    def corpus_sha256(self) -> str:
        """SHA-256 of every document's text, prompt and exact tokens, in order.

        It does not depend on names and descriptions. A document without exact tokens and without
        ``scored_from_byte`` adds its text and ``scored_from_position`` only, so that the scores of corpora from earlier
        versions stay valid. A word-in-context document also adds its provenance, which names its split.
        """
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(f"{document.document_sha256} {document.scored_from_position}".encode())
            if document.token_ids:
                exact = f" {document.scored_from_byte} {document.tokenizer_id} {document.token_ids}"
                digest.update(exact.encode())
            elif document.scored_from_byte:
                digest.update(f" {document.scored_from_byte} {document.provenance}".encode())
            digest.update(b"\n")
        return digest.hexdigest()

    @property
    def byte_count(self) -> int:
        """Total number of UTF-8 bytes of all texts."""
        return sum(len(document.text.encode()) for document in self.documents)


def read_corpus(
    corpus_id: str,
    paths: Sequence[Path],
    description: str = "",
    kind: str = "human",
    columns: TextColumns | None = None,
) -> Corpus:
    """Read a corpus from files. A ``.txt`` file is one document.

    Each row of a ``.jsonl``, ``.parquet`` or ``.csv`` file is a document. ``columns`` names the columns of texts and of
    documents' names. The user is told if the texts are in another column than ``text`` that nobody named. The files of
    a directory are read in the order of their paths. All documents get the same ``kind``, which should be one of the
    kinds that the comment of the column ``raw_document.kind`` lists.

    Raises BadInputError naming the file, row and field if a text is unreadable, empty, missing or of a wrong type.
    Raises UsageError if no path is given.
    """
    if not paths:
        raise UsageError(f"no files are given for the corpus {corpus_id!r}", "name at least one file or directory")
    columns = columns or TextColumns()
    documents = [
        Document(document_name=name, text=text, kind=kind)
        for path in list_text_files(paths)
        for name, text in read_texts(path, columns)
    ]
    if columns.text_column is None and (guessed := sorted(columns.found - {TEXT_COLUMNS[0]})):
        report_note(f"texts are read from the column {', '.join(guessed)}; --text-column names another")
    source = ", ".join(str(path) for path in paths)
    return Corpus(corpus_id, description or f"Texts from {source}", source, tuple(documents))


def read_texts(path: Path, columns: TextColumns | None = None) -> Iterator[NamedText]:
    """Yield the documents of one file, which is one of the files that ``list_text_files`` yields.

    Raises BadInputError naming the file, row and field if a text is unreadable, empty, missing or of a wrong type.
    """
    return FILE_READERS[path.suffix.lower()](path, columns or TextColumns())


def document_table(corpus: Corpus) -> pa.Table:
    """Return the rows of ``raw_document``, one for each document, in order."""
    documents = corpus.documents
    columns: dict[str, Iterable[Any]] = {
        "corpus_id": [corpus.corpus_id] * len(documents),
        "document_id": range(len(documents)),
        "document_name": [document.document_name for document in documents],
        "text": [document.text for document in documents],
        "document_sha256": [document.document_sha256 for document in documents],
        "kind": [document.kind for document in documents],
        "provenance": [document.provenance for document in documents],
        "scored_from_position": [document.scored_from_position for document in documents],
        "token_ids": [document.token_ids for document in documents],
        "tokenizer_id": [document.tokenizer_id for document in documents],
        "scored_from_byte": [document.scored_from_byte for document in documents],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in DOCUMENT_SCHEMA], schema=DOCUMENT_SCHEMA)


def corpus_record(corpus: Corpus) -> dict[str, str | int]:
    """Return the row of ``raw_corpus`` without ``updated_at``."""
    return {
        "corpus_id": corpus.corpus_id,
        "description": corpus.description,
        "source": corpus.source,
        "corpus_sha256": corpus.corpus_sha256,
        "document_count": len(corpus.documents),
        "byte_count": corpus.byte_count,
    }


def list_text_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of texts among ``paths``, and those in the directories among them, in the order of their paths.

    Raises BadInputError if a path does not exist, is a file of another kind, or is a directory without such files.
    """
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() in FILE_READERS and file.is_file())
            if not found:
                raise BadInputError(f"{path}: holds no {FILE_KINDS} file", "check the directory")
            yield from found
        elif not path.is_file():
            raise BadInputError(f"{path}: there is no such file", "check the path")
        elif path.suffix.lower() not in FILE_READERS:
            raise BadInputError(f"{path}: files of this kind are not read", f"give {FILE_KINDS} files")
        else:
            yield path
