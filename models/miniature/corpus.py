"""This module builds the validation corpus of the miniature suite."""

from __future__ import annotations

from trailhouse.models.miniature.text import split_documentation
from trailhouse.models.texts.corpus import Corpus, Document


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
