"""This module runs the demonstration of behavioural phases on the suite `miniature-parallel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from trailhouse.flows.build_marts import build_marts
from trailhouse.flows.build_report import BuildReport
from trailhouse.flows.draw_figures import DrawingReport, draw_figures
from trailhouse.flows.measure_phases import PhaseReport, PhaseRequest, measure_phases
from trailhouse.flows.run_demo import prepare_warehouse
from trailhouse.flows.sample_words import WordCorpusReport, sample_word_corpus
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.miniature import write_training_texts
from trailhouse.models.phases.word_sampling import SampleSettings
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

SUITES = {"full": "miniature-parallel", "reduced": "miniature-parallel-reduced"}
PUBLISHED_SUITE, PUBLISHED_CORPUS = "phases-published", "nawoco"
NGRAM_CORPUS = "python-docs-training"
WORD_CORPUS = "python-docs-words"
# Recurrent models are slow on a CPU, so there are few words with short contexts
SAMPLING = SampleSettings(count=1_000, seed=0, max_context_words=25, shares=(60, 30, 10))


@dataclass(frozen=True)
class PhaseDemoReport:
    """What the demonstration of phases did, and the answers to those questions of `trailhouse ask` that it asked."""

    words: WordCorpusReport
    phases: PhaseReport
    marts: BuildReport
    peaks: pa.Table
    """The step at which the correlation with each order peaks."""
    order: pa.Table
    """For each model, whether the peaks come in the order of n."""
    variance: pa.Table
    """R² of the regression at each checkpoint."""
    figures: list[DrawingReport]


def run_phase_demo(settings: Settings, size: Literal["full", "reduced"]) -> PhaseDemoReport:
    """Run every step from training to figures. Work that is done already is not repeated."""
    suite = SUITES[size]
    address = resolve_address(settings)
    corpus = prepare_warehouse(address)
    training_texts = settings.data_directory / "miniature-texts" / "training.jsonl"
    write_training_texts(training_texts)
    words = sample_word_corpus(corpus.corpus_id, WORD_CORPUS, SAMPLING, [training_texts], settings)
    corpora = [WORD_CORPUS, corpus.corpus_id]
    phases = measure_phases(PhaseRequest(suite, corpora, NGRAM_CORPUS, [training_texts]), settings)
    marts = build_marts((), settings)
    questions = read_questions(packaged_questions())
    chosen = {"suite_id": suite}
    with connect(address) as client:
        peaks, order, variance = (
            ask_question(client, questions[name], chosen)
            for name in ("phase_peaks", "phases_in_order", "variance_explained")
        )
    drawn = [(suite, WORD_CORPUS), (suite, corpus.corpus_id), (PUBLISHED_SUITE, PUBLISHED_CORPUS)]
    figures = [draw_figures(settings, *one) for one in drawn]
    return PhaseDemoReport(words, phases, marts, peaks, order, variance, figures)
