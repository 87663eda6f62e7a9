"""This module builds the validation corpus of the miniature suites, and writes their training texts to a file."""

from __future__ import annotations

import json
from pathlib import Path

from trailhouse.models.miniature.text import split_documentation
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.support.files import write_whole


def miniature_corpus() -> Corpus:
    """Return the held-out documentation as a corpus.

    Each document holds up to 1,500 characters of the documentation of one Python module or language topic.

    Raises BadInputError if the Python installation contains too little documentation.
    """
    documents = (Document(unit.name, unit.text) for unit in split_documentation().validation)
    return Corpus(
        corpus_id="python-docs-validation",
        description="Documentation of modules of the Python standard library that no model was trained on",
        source="docstrings and help topics of the running Python installation",
        documents=tuple(documents),
    )


def write_training_texts(file: Path) -> None:
    """Write the texts that the miniature suites are trained on to a JSONL file, unless it is there already.

    Raises BadInputError if the Python installation contains too little documentation.
    """
    if file.exists():
        return
    lines = [json.dumps({"name": unit.name, "text": unit.text}) for unit in split_documentation().training]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, "\n".join(lines) + "\n")
