"""This module does everything from a folder of checkpoints to a report, with defaults."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from trailhouse.flows.add_suite import GivenFacts, add_found_suite
from trailhouse.flows.build_marts import build_marts
from trailhouse.flows.build_report import BuildReport
from trailhouse.flows.pipeline.corpora import register_corpus
from trailhouse.flows.score_checkpoints import ScoringReport, score_checkpoints
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.flows.write_report import WrittenReport, write_report
from trailhouse.models.miniature import miniature_corpus
from trailhouse.models.texts.corpus import Corpus, read_corpus
from trailhouse.support.declarations import make_name
from trailhouse.support.progress import report_note
from trailhouse.warehouse.connection import connect


@dataclass(frozen=True)
class QuickstartReport:
    """What was declared, scored, derived and written."""

    declaration: Path
    scoring: ScoringReport
    marts: BuildReport
    report: WrittenReport


def run_quickstart(folder: Path, texts: Path | None, settings: Settings, given: GivenFacts) -> QuickstartReport:
    """Declare the models in a folder, score them on texts, derive the marts and write the report.

    Without ``texts``, the validation texts of the miniature suites are used. Before each step, the user is told the
    command that does the same. Work that is done already is not repeated.

    Raises the errors of ``add_found_suite``, and BadInputError if the texts cannot be read.
    """
    corpus = miniature_corpus() if texts is None else read_corpus(name_corpus(texts), [texts])
    report_note(write_command("suite", "add", str(folder), *list_options(given)))
    added = add_found_suite(folder, settings, None, given)
    suite_id, corpus_id = added.suite.suite_id, corpus.corpus_id
    report_note(describe_texts(texts, corpus))
    with connect(resolve_address(settings)) as client:
        register_corpus(client, corpus)
    report_note(write_command("score", suite_id, "--corpus", corpus_id))
    scoring = score_checkpoints(suite_id, corpus_id, settings)
    report_note(write_command("transform"))
    marts = build_marts((), settings)
    report_note(write_command("report", suite_id, "--corpus", corpus_id))
    return QuickstartReport(added.file, scoring, marts, write_report(settings, suite_id, corpus=corpus_id))


def name_corpus(texts: Path) -> str:
    """Return the name of the corpus of a file or directory. Raises BadInputError if it has no letter or digit."""
    return make_name(texts.resolve().with_suffix(""), "corpus", "rename it, or use `trailhouse corpus add` with --name")


def list_options(given: GivenFacts) -> list[str]:
    """Return the options of ``trailhouse suite add`` that state what the user stated."""
    values = {"--batch-tokens": given.batch_tokens, "--planned-steps": given.planned_steps}
    return [word for option, value in values.items() if value is not None for word in (option, str(value))]


def describe_texts(texts: Path | None, corpus: Corpus) -> str:
    """Return the command that adds the texts, or what the texts are that come with Trailhouse."""
    if texts is not None:
        return write_command("corpus", "add", str(texts), "--name", corpus.corpus_id)
    return f"# corpus {corpus.corpus_id}: {corpus.source}"


def write_command(*words: str) -> str:
    """Return a command as one would type it."""
    return f"$ trailhouse {shlex.join(words)}"
