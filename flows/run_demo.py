"""This module runs the demonstration on the miniature suite, from training to figures and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from trailhouse.flows.build_marts import build_marts
from trailhouse.flows.build_report import BuildReport
from trailhouse.flows.draw_figures import DrawingReport, draw_figures
from trailhouse.flows.evaluate_tasks import EvaluationReport, evaluate_tasks
from trailhouse.flows.generate_for_suite import SuiteGeneration, generate_for_suite
from trailhouse.flows.pipeline.corpora import register_corpus
from trailhouse.flows.score_checkpoints import ScoringReport, score_checkpoints
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.flows.write_report import write_report
from trailhouse.models.few_shot.tasks.discovery import PACKAGED_SET
from trailhouse.models.miniature import miniature_corpus
from trailhouse.models.sequences.decoding.configuration import PAPER_PRESETS
from trailhouse.models.texts.corpus import Corpus
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions
from trailhouse.warehouse.schema.initialisation import initialise
from trailhouse.warehouse.schema.migrations import packaged_migrations, read_migrations

PROMPT_LIMIT = 12
SUITES = {"full": "miniature", "reduced": "miniature-reduced"}


@dataclass(frozen=True)
class DemoReport:
    """What the demonstration did, and the answers to those questions of `trailhouse ask` that it asked."""

    scoring: ScoringReport
    evaluation: EvaluationReport
    generation: SuiteGeneration | None
    marts: BuildReport
    perplexities: pa.Table
    trend_shares: pa.Table
    accuracies: pa.Table
    """Accuracies of the largest model at its last checkpoint, by task."""
    scaling: pa.Table
    """How the perplexity of each generation depends on the size of the models."""
    figures: DrawingReport
    report: Path


def run_demo(settings: Settings, size: Literal["full", "reduced"]) -> DemoReport:
    """Run every step of the demonstration, from training to figures. Work that is done already is not repeated."""
    suite = SUITES[size]
    address = resolve_address(settings)
    corpus = prepare_warehouse(address)
    scoring = score_checkpoints(suite, corpus.corpus_id, settings)
    evaluation = evaluate_tasks(suite, [PACKAGED_SET], settings=settings)
    generation = generate_for_suite(suite, corpus.corpus_id, PAPER_PRESETS, settings, PROMPT_LIMIT)
    marts = build_marts((), settings)
    questions = read_questions(packaged_questions())
    chosen = {"suite_id": suite, "corpus_id": corpus.corpus_id}
    with connect(address) as client:
        perplexities = ask_question(client, questions["validation_perplexity_by_step"], chosen)
        trend_shares = ask_question(client, questions["trend_shares_by_start"], chosen)
        scaling = ask_question(client, questions["generations_that_scale_inversely"], {"suite_id": suite})
        accuracies = ask_question(client, questions["tasks_by_accuracy"], {"suite_id": suite})
    figures = draw_figures(settings, suite, corpus.corpus_id)
    report = write_report(settings, suite, corpus=corpus.corpus_id).files[0]
    return DemoReport(
        scoring, evaluation, generation, marts, perplexities, trend_shares, accuracies, scaling, figures, report
    )


def prepare_warehouse(address: WarehouseAddress) -> Corpus:
    """Create the tables that are missing, and register and return the validation corpus of the miniature suites."""
    initialise(address, read_migrations(packaged_migrations()))
    corpus = miniature_corpus()
    with connect(address) as client:
        register_corpus(client, corpus)
    return corpus
