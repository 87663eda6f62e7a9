"""This module gathers the text of the miniature suite: documentation that every Python installation contains.

It also cleans the text, and splits it into training and validation texts. It parses the sources of the standard library
and never imports them, so none of their code runs. The same Python installation always gives the same text.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from trailhouse.errors import BadInputError

VALIDATION_DOCUMENT_COUNT = 80
# Only texts of these sizes are held out for validation. Shorter texts would not fill a model's context, and longer
# texts are kept for training.
VALIDATION_UNIT_BYTES = range(1_500, 12_000)
VALIDATION_DOCUMENT_CHARACTERS = 1_500
MINIMUM_DOCSTRING_WORDS = 5
MINIMUM_TRAINING_BYTES = 500_000

# Directories that hold tests, installed packages or generated files instead of the library
SKIPPED_DIRECTORIES = frozenset(
    {"__pycache__", "dist-packages", "idle_test", "lib2to3", "pydoc_data", "site-packages", "test", "tests"}
)


@dataclass(frozen=True)
class DocumentationUnit:
    """The documentation of one Python module, or of one topic of Python's ``help()``, with its dotted name."""

    name: str
    text: str


@dataclass(frozen=True)
class DocumentationSplit:
    """Training texts and validation texts. No paragraph occurs in both."""

    training: tuple[DocumentationUnit, ...]
    validation: tuple[DocumentationUnit, ...]


@lru_cache(maxsize=1)
def split_documentation() -> DocumentationSplit:
    """Return the training and validation texts.

    The validation texts are the documentation of 80 modules and language topics. All have a size in bytes within
    ``VALIDATION_UNIT_BYTES``. The 80 names with the lowest SHA-256 hashes are chosen.

    Raises BadInputError if the Python installation contains too little documentation to train on.
    """
    library = Path(sysconfig.get_path("stdlib"))
    units = sorted(
        [*gather_topics(library / "pydoc_data" / "topics.py"), *gather_docstrings(library)],
        key=lambda unit: hashlib.sha256(unit.name.encode()).digest(),
    )
    eligible = [unit for unit in units if len(unit.text.encode()) in VALIDATION_UNIT_BYTES]
    held_out = {unit.name for unit in eligible[:VALIDATION_DOCUMENT_COUNT]}
    seen: set[str] = set()
    validation = _drop_repeated_paragraphs((unit for unit in units if unit.name in held_out), seen)
    training = _drop_repeated_paragraphs((unit for unit in units if unit.name not in held_out), seen)
    if sum(len(unit.text) for unit in training) < MINIMUM_TRAINING_BYTES:
        raise BadInputError(
            f"the Python installation at {library} carries too little documentation to train on",
            "install Python's standard library with its sources, or use another suite",
        )
    return DocumentationSplit(
        training=tuple(training),
        validation=tuple(DocumentationUnit(unit.name, _truncate_text(unit.text)) for unit in validation),
    )


def gather_topics(path: Path) -> Iterator[DocumentationUnit]:
    """Yield the language topics of ``help()``, one unit per topic."""
    if not path.is_file():
        return
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            for topic, text in ast.literal_eval(node.value).items():
                yield DocumentationUnit(f"topics.{topic}", clean_text(text))


def gather_docstrings(library: Path) -> Iterator[DocumentationUnit]:
    """Yield the docstrings of every module below ``library``, one unit per module that has docstrings."""
    for path in _walk_sources(library):
        relative = path.relative_to(library)
        docstrings = [clean_text(docstring) for docstring in _read_docstrings(path)]
        text = "\n\n".join(text for text in docstrings if len(text.split()) >= MINIMUM_DOCSTRING_WORDS)
        if text:
            yield DocumentationUnit(".".join(relative.with_suffix("").parts), text)


def clean_text(text: str) -> str:
    """Remove indentation, trailing blanks, lines of repeated punctuation and repeated empty lines."""
    lines = [line.rstrip() for line in inspect.cleandoc(text).splitlines()]
    kept = [line for line in lines if not re.fullmatch(r"\s*([^\w\s])\1{3,}", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _walk_sources(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.is_dir() and path.name not in SKIPPED_DIRECTORIES:
            yield from _walk_sources(path)
        elif path.suffix == ".py" and path.is_file():
            yield path


def _read_docstrings(path: Path) -> list[str]:
    """Return the docstrings of a source file in their order."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser may warn about outdated escapes in the sources
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []  # some files are templates, which are not valid Python, or cannot be decoded
    documented = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    documented.sort(key=lambda node: getattr(node, "lineno", 0))
    return [text for node in documented if (text := ast.get_docstring(node, clean=False))]


def _drop_repeated_paragraphs(units: Iterable[DocumentationUnit], seen: set[str]) -> list[DocumentationUnit]:
    """Return the units with only the first occurrence of each paragraph.

    ``seen`` holds the paragraphs of earlier calls, which are dropped too. This function adds the new paragraphs to it.
    """
    kept_units = []
    for unit in units:
        kept = []
        for paragraph in unit.text.split("\n\n"):
            fingerprint = " ".join(paragraph.split()).casefold()
            if fingerprint not in seen:
                seen.add(fingerprint)
                kept.append(paragraph)
        if kept:
            kept_units.append(DocumentationUnit(unit.name, "\n\n".join(kept)))
    return kept_units


def _truncate_text(text: str) -> str:
    """Cut a text to the length of a validation document, at the end of a line."""
    if len(text) <= VALIDATION_DOCUMENT_CHARACTERS:
        return text
    head = text[:VALIDATION_DOCUMENT_CHARACTERS]
    return head[: head.rfind("\n")].rstrip() if "\n" in head else head
