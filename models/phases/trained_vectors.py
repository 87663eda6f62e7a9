"""This module trains word vectors on texts with gensim's word2vec. Equal texts and settings give equal vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trailhouse.errors import BadInputError
from trailhouse.models.phases.word_vectors import VectorsDescription, WordVectors, name_vectors, strip_punctuation
from trailhouse.models.texts.corpus import list_text_files
from trailhouse.models.texts.corpus_files import refusing_unreadable
from trailhouse.models.texts.word_stream import stream_words

# Skip-gram with the settings of Mikolov et al. 2013. One worker, because several finish in an order of chance.
TRAINING_SETTINGS = {
    "vector_size": 100,
    "sg": 1,
    "window": 5,
    "negative": 5,
    "min_count": 5,
    "epochs": 5,
    "seed": 1,
    "workers": 1,
    "max_vocab_size": 10_000_000,
}


def describe_trained_vectors(paths: Sequence[Path]) -> VectorsDescription:
    """Return the description of the vectors that training on the texts gives, without training them.

    The number of words is 0 until they are trained. Raises BadInputError if a file cannot be read.
    """
    import gensim

    files = list(list_text_files(paths))
    settings = json.dumps({**TRAINING_SETTINGS, "gensim": gensim.__version__}, sort_keys=True)
    digest = hashlib.sha256(settings.encode())
    for path in files:
        with refusing_unreadable(path), path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    sha256 = digest.hexdigest()
    source = ", ".join(str(path) for path in paths)
    dimension = TRAINING_SETTINGS["vector_size"]
    return VectorsDescription(name_vectors("word2vec", sha256), "trained", source, sha256, dimension, 0, settings)


def train_word_vectors(
    paths: Sequence[Path], wanted: Collection[str], description: VectorsDescription | None = None
) -> WordVectors:
    """Train vectors on the texts in files and directories, and return those of the wanted words.

    ``description`` is what ``describe_trained_vectors`` returned for the files. If it is None, the files are described
    here, which reads them once more.

    The words of the texts are taken in lower case and without punctuation around them. The texts are read six times and
    may be larger than memory; the words that occur at least ``min_count`` times fit into it.

    Raises BadInputError if no word occurs often enough, and the errors of ``stream_words``.
    """
    from gensim.models import Word2Vec

    description = description or describe_trained_vectors(paths)
    texts = _TrainingTexts(paths)
    model = Word2Vec(**TRAINING_SETTINGS)
    model.build_vocab(texts)
    if not len(model.wv):
        raise BadInputError(
            f"{description.source}: no word occurs {TRAINING_SETTINGS['min_count']} times, so that no vector can be"
            " trained",
            "give larger texts, or a file of vectors",
        )
    model.train(texts, total_examples=model.corpus_count, epochs=model.epochs)
    known = model.wv.key_to_index
    vectors = {word: np.array(model.wv[word], np.float32) for word in wanted if word in known}
    return WordVectors(replace(description, vocabulary_count=len(known)), vectors)


class _TrainingTexts:
    """The words of the texts in blocks. Each iteration reads the texts again."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __iter__(self) -> Iterator[list[str]]:
        for block in stream_words(self._paths):
            words = [bare.lower() for word in block.words if (bare := strip_punctuation(word))]
            if words:
                yield words
