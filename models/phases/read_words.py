"""This module reads words in context from a TSV file with the columns context, target and, optionally, split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.phases.word_sampling import SPLITS, Split, WordInContext
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.corpus_files import refusing_unreadable

COLUMNS = ("context", "target", "split")


def read_words_in_context(corpus_id: str, path: Path, description: str = "") -> Corpus:
    """Read a corpus of words in context from a TSV file. The first line names the columns.

    Each further line is a word. Fields are separated by tabs and are not quoted. White space in a context becomes
    single spaces. If there is no column ``split``, all words are training words. Other columns are not read.

    Raises BadInputError naming the row and column if a field is missing or wrong.
    """
    documents = tuple(_read_documents(path))
    if not documents:
        raise BadInputError(f"{path}: holds no words", "write one context and target per line below the header")
    return Corpus(corpus_id, description or f"{len(documents)} words in context from {path}", str(path), documents)


def _read_documents(path: Path) -> Iterator[Document]:
    rows = _read_rows(path)
    _, header = next(rows, (1, []))
    places = {name: header.index(name) for name in COLUMNS if name in header}
    for name in ("context", "target"):
        if name not in places:
            raise BadInputError(
                f"{path}, row 1: there is no column {name}", "name the columns context and target, separated by a tab"
            )
    for name in places:
        if header.count(name) > 1:
            raise BadInputError(f"{path}, row 1: there are two columns {name}", "leave one out")
    for row_number, fields in rows:
        location = f"{path}, row {row_number}"
        if len(fields) != len(header):
            raise BadInputError(
                f"{location}: has {len(fields)} fields, and the header has {len(header)}",
                "separate the fields by single tabs, and write no tabs within a field",
            )
        values = {name: fields[place] for name, place in places.items()}
        for name, value in values.items():
            _refuse_quoted(value, f"{location}, {name}")
        word = WordInContext(_read_context(values["context"], location), _read_target(values["target"], location))
        yield word.as_document(f"{path.name}:{row_number}", _read_split(values.get("split", SPLITS[0]), location))


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that is not blank."""
    with refusing_unreadable(path), path.open("rb") as file:
        for row_number, line in enumerate(file, start=1):
            content = line.removeprefix(b"\xef\xbb\xbf") if row_number == 1 else line
            try:
                text = content.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise BadInputError(f"{path}, row {row_number}: not UTF-8", "save the file as UTF-8") from error
            if text.strip():
                yield row_number, text.split("\t")


def _refuse_quoted(value: str, location: str) -> None:
    inner = value[1:-1]
    if value[:1] == value[-1:] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        raise BadInputError(f"{location}: is quoted", "write the fields without quoting, as csv.QUOTE_NONE does")


def _read_context(value: str, location: str) -> tuple[str, ...]:
    words = tuple(value.split())
    if not words:
        raise BadInputError(f"{location}, context: is empty", "give every target at least one word before it")
    return words


def _read_target(value: str, location: str) -> str:
    words = value.split()
    if len(words) != 1:
        problem = "is empty" if not words else f"has {len(words)} words"
        raise BadInputError(f"{location}, target: {problem}", "give one word, without white space in it")
    return words[0]


def _read_split(value: str, location: str) -> Split:
    for split in SPLITS:
        if value.strip() == split:
            return split
    raise BadInputError(f"{location}, split: {value.strip()!r} is no split", f"write one of {', '.join(SPLITS)}")
