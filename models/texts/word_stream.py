"""This module reads the words of text files in blocks, so that texts of any size need little memory.

A word is a maximal run of characters that are not white space, as in raw_token.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from trailhouse.errors import BadInputError
from trailhouse.models.texts.corpus import list_text_files, read_texts
from trailhouse.models.texts.corpus_files import refusing_unreadable

BLOCK_WORDS = 10_000
READ_BYTES = 1 << 20


class WordBlock(NamedTuple):
    """Consecutive words of one text, at most ``BLOCK_WORDS``."""

    words: list[str]
    is_beginning: bool
    """Whether the text begins with these words. Otherwise, they follow the words of the block before."""


def stream_words(paths: Sequence[Path]) -> Iterator[WordBlock]:
    """Yield the words of all texts in the files and directories, in order, in blocks.

    A .txt file is one text and is read in parts. Of other files, one text or a few are in memory at a time.

    Raises the errors of ``list_text_files`` and of the readers of the files.
    """
    for path in list_text_files(paths):
        if path.suffix.lower() == ".txt":
            yield from _cut(_read_plain_words(path))
        else:
            for _, text in read_texts(path):
                yield from _cut(iter([text.split()]))


def _cut(parts: Iterator[list[str]]) -> Iterator[WordBlock]:
    """Yield the words of one text, which come in parts of any size, in blocks."""
    is_beginning = True
    for words in parts:
        for first in range(0, len(words), BLOCK_WORDS):
            yield WordBlock(words[first : first + BLOCK_WORDS], is_beginning)
            is_beginning = False


def _read_plain_words(path: Path) -> Iterator[list[str]]:
    """Yield the words of a text file in parts. Raises BadInputError if it is not UTF-8 or has no words."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    unfinished, line_count, is_empty = "", 0, True
    with refusing_unreadable(path), path.open("rb") as file:
        while True:
            content = file.read(READ_BYTES)
            is_last = len(content) < READ_BYTES
            try:
                text = unfinished + decoder.decode(content, final=is_last)
            except UnicodeDecodeError as error:
                line = line_count + error.object[: error.start].count(b"\n") + 1
                raise BadInputError(f"{path}, line {line}: not UTF-8", "save the file as UTF-8") from error
            line_count += content.count(b"\n")
            words = text.split()
            # The last word may go on in the next part of the file
            unfinished = words.pop() if not is_last and words and not text[-1].isspace() else ""
            is_empty = is_empty and not words
            yield words
            if is_last:
                break
    if is_empty:
        raise BadInputError(f"{path}: the document is empty", "remove it or give it a text")
