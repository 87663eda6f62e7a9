"""This module reads word vectors from files of word2vec and fastText.

The files that fastText publishes are a text in the format of word2vec (.vec) and a binary model (.bin). Of a file in
the text or binary format of word2vec, only the vectors of wanted words are kept in memory. A binary model of fastText
is read whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from trailhouse.errors import BadInputError
from trailhouse.models.phases.word_vectors import Vectors, VectorsDescription, WordVectors, name_vectors
from trailhouse.models.texts.corpus_files import refusing_unreadable

FASTTEXT_MAGIC = (793_712_314).to_bytes(4, "little")
READ_BYTES = 1 << 22
MAX_WORD_BYTES = 1 << 16
# Largest dimension of vectors. A wrong header would otherwise ask for any amount of memory.
MAX_DIMENSION = 100_000


def describe_vector_file(path: Path) -> VectorsDescription:
    """Return the description of the vectors in a file, without reading the vectors.

    The dimension and the number of words of a binary fastText model are 0 until it is read.

    Raises BadInputError if the file is of no known format.
    """
    kind = find_format(path)
    with refusing_unreadable(path), path.open("rb") as file:
        count, dimension = (0, 0) if kind == "fasttext-binary" else _read_header(file, path)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    settings = json.dumps({"format": kind})
    return VectorsDescription(name_vectors(path.stem, sha256), "file", str(path), sha256, dimension, count, settings)


def read_vector_file(path: Path, wanted: Collection[str], description: VectorsDescription | None = None) -> WordVectors:
    """Return the vectors of the wanted words that the file has.

    ``description`` is what ``describe_vector_file`` returned for the file. If it is None, the file is described here,
    which reads it once more.

    If a word occurs twice in a file, its first vector counts. Of a binary fastText model, only the vectors of words of
    its vocabulary are used, as in its .vec file; none is made from parts of words.

    Raises BadInputError naming the file and the place if a vector is missing, of a wrong dimension or not finite.
    """
    description = description or describe_vector_file(path)
    kind = find_format(path)
    if kind == "fasttext-binary":
        return _read_fasttext(path, description, wanted)
    of_bytes = {word.encode(): word for word in wanted}
    vectors: dict[str, Vectors] = {}
    record_count = 0
    with refusing_unreadable(path), path.open("rb") as file:
        _read_header(file, path)
        read = _read_text_records if kind == "word2vec-text" else _read_binary_records
        for name, content, location in read(file, path, description.dimension):
            record_count += 1
            word = of_bytes.get(name)
            if word is not None and word not in vectors:
                vectors[word] = _parse_vector(content, kind, description.dimension, location)
    if record_count != description.vocabulary_count:
        raise BadInputError(
            f"{path}: the first line states {description.vocabulary_count} words, and the file holds {record_count}",
            "copy the file again",
        )
    return WordVectors(description, vectors)


def find_format(path: Path) -> str:
    """Return word2vec-text, word2vec-binary or fasttext-binary. Raises BadInputError if the file is none of them."""
    suffix = path.suffix.lower()
    if not path.is_file():
        raise BadInputError(f"{path}: there is no such file", "check the path")
    if suffix in (".vec", ".txt"):
        return "word2vec-text"
    if suffix == ".bin":
        with refusing_unreadable(path), path.open("rb") as file:
            return "fasttext-binary" if file.read(4) == FASTTEXT_MAGIC else "word2vec-binary"
    raise BadInputError(f"{path}: vectors of this kind are not read", "give a .vec, .txt or .bin file")


def _read_header(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Return the number of words and the dimension from the first line."""
    fields = file.readline(MAX_WORD_BYTES).split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields) or not 0 < int(fields[1]) <= MAX_DIMENSION:
        raise BadInputError(
            f"{path}, line 1: does not hold the number of words and the dimension of the vectors",
            "give a file in the format of word2vec or fastText",
        )
    return int(fields[0]), int(fields[1])


Record = tuple[bytes, bytes, str]
"""A word, its numbers as they stand in the file, and where they stand."""


def _read_text_records(file: BinaryIO, path: Path, dimension: int) -> Iterator[Record]:
    # The longest number of a float64 has 24 characters
    longest = MAX_WORD_BYTES + 32 * dimension
    line_number = 1
    while line := file.readline(longest):
        line_number += 1
        name, _, content = line.rstrip(b" \r\n").partition(b" ")
        yield name, content, f"{path}, line {line_number}"


def _read_binary_records(file: BinaryIO, path: Path, dimension: int) -> Iterator[Record]:
    size, index, position, buffer = 4 * dimension, 0, 0, b""
    while True:
        end = buffer.find(b" ", position)
        if end < 0 or end + 1 + size > len(buffer):
            content = file.read(READ_BYTES + size)
            buffer, position = buffer[position:] + content, 0
            if content and len(buffer) <= 2 * (READ_BYTES + size + MAX_WORD_BYTES):
                continue
            if buffer.strip(b"\n"):
                raise BadInputError(f"{path}, word {index + 1}: the vector is not complete", "copy the file again")
            return
        index += 1
        # Some programs write a line break after every vector
        yield buffer[position:end].lstrip(b"\n"), buffer[end + 1 : end + 1 + size], f"{path}, word {index}"
        position = end + 1 + size


def _parse_vector(content: bytes, kind: str, dimension: int, location: str) -> Vectors:
    try:
        if kind == "word2vec-binary":
            vector = np.frombuffer(content, "<f4").astype(np.float32)
        else:
            vector = np.asarray(content.split(b" "), np.float32)
    except ValueError as error:
        raise BadInputError(f"{location}: holds something that is not a number", "copy the file again") from error
    if len(vector) != dimension:
        raise BadInputError(f"{location}: holds {len(vector)} numbers instead of {dimension}", "copy the file again")
    if not np.isfinite(vector).all():
        raise BadInputError(f"{location}: holds a number that is not finite", "copy the file again")
    return vector


def _read_fasttext(path: Path, description: VectorsDescription, wanted: Collection[str]) -> WordVectors:
    from gensim.models.fasttext import load_facebook_vectors

    try:
        loaded = load_facebook_vectors(str(path))
    except Exception as error:  # gensim raises errors of many kinds for wrong files
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInputError(f"{path}: cannot be read as a fastText model: {problem}", "copy the file again") from error
    known = loaded.key_to_index
    vectors = {word: np.asarray(loaded.get_vector(word), np.float32) for word in wanted if word in known}
    described = replace(description, dimension=int(loaded.vector_size), vocabulary_count=len(known))
    return WordVectors(described, vectors)
