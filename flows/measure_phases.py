"""The flow that gathers what the behavioural phases of a suite are derived from (Michaelov et al. 2025).

These are n-gram scores and similarities of the words of corpora, and the log-probabilities of these words under every
checkpoint. What is there already is left alone. `trailhouse transform` derives the phases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from trailhouse.errors import UsageError
from trailhouse.flows.count_ngrams import NgramCountReport, count_ngrams
from trailhouse.flows.measure_similarity import SimilarityReport, measure_similarities
from trailhouse.flows.pipeline.corpora import read_registered_corpus
from trailhouse.flows.score_checkpoints import ScoringReport, score_checkpoints
from trailhouse.flows.score_ngrams import NgramScoreReport, score_ngrams
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.support.progress import report_note
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.ngrams.ngram_scores import STUPID_BACKOFF


@dataclass(frozen=True)
class PhaseRequest:
    """What to compare the words of corpora with."""

    suite: str
    corpora: Sequence[str]
    ngram_corpus_id: str
    training_files: Sequence[Path] = ()
    """Texts that the models were trained on. Their n-grams are counted, and train word vectors."""
    vector_file: Path | None = None
    """Word vectors; None to train them on the texts."""
    smoothings: Sequence[str] = (STUPID_BACKOFF,)
    corrects_words: bool = True
    """Whether words in context get the beginning-of-word correction."""


@dataclass(frozen=True)
class PhaseReport:
    """What was gathered, by kind."""

    counts: list[NgramCountReport]
    scorings: list[ScoringReport]
    ngram_scores: list[NgramScoreReport]
    similarities: list[SimilarityReport]


@flow(name="measure_phases", validate_parameters=False, persist_result=False)
def measure_phases(request: PhaseRequest, settings: Settings | None = None) -> PhaseReport:
    """Count n-grams, score the suite and the n-grams on every corpus, and compare words with their contexts.

    n-grams of words are counted in the training files; for a corpus of whole texts, those of the suite's tokens are
    counted, too. Without training files, the n-grams of ``ngram_corpus_id`` were counted before.

    Raises UsageError if no corpus is named, and the errors of the flows that it runs.
    """
    settings = settings or load_settings()
    if not request.corpora:
        raise UsageError("no corpus is named", "name one: --corpus CORPUS, see `trailhouse corpus list`")
    with connect(resolve_address(settings)) as client:
        kinds = {name: read_registered_corpus(client, name).documents[0].kind for name in request.corpora}
    vocabularies: list[str | None] = [None]
    if any(kind != "word-in-context" for kind in kinds.values()):
        vocabularies.append(request.suite)
    counts = [
        count_ngrams(request.ngram_corpus_id, tuple(request.training_files), settings, tokenizer_of=name)
        for name in vocabularies
        if request.training_files
    ]
    scorings: list[ScoringReport] = []
    ngram_scores: list[NgramScoreReport] = []
    similarities: list[SimilarityReport] = []
    for corpus_id, kind in kinds.items():
        is_corrected = request.corrects_words and kind == "word-in-context"
        scoring = settings.model_copy(update={"with_next_word": True}) if is_corrected else settings
        scorings.append(score_checkpoints(request.suite, corpus_id, scoring))
        ngram_scores += score_ngrams(corpus_id, request.ngram_corpus_id, settings, smoothings=request.smoothings)
    if request.vector_file is not None or request.training_files:
        training_files = request.training_files if request.vector_file is None else ()
        similarities = measure_similarities(
            list(kinds), settings, vector_file=request.vector_file, training_files=training_files
        )
    else:
        report_note("no word vectors and no training texts are given: words are not compared with their contexts")
    return PhaseReport(counts, scorings, ngram_scores, similarities)
