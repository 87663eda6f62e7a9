"""This module asks the named questions about a suite and writes the report that their answers make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from trailhouse import __version__
from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.report.findings import Answer, Findings
from trailhouse.dashboards.report.model_card import render_model_card
from trailhouse.dashboards.report.model_colours import assign_dark_colors
from trailhouse.dashboards.report.page import Block, render_report
from trailhouse.dashboards.report.passage import make_passage
from trailhouse.dashboards.report.sentences import choose_first_findings
from trailhouse.errors import BadInputError
from trailhouse.flows.read_passage import TRANSFORM_HINT, read_passage
from trailhouse.flows.services.warehouse import resolve_reader_address
from trailhouse.flows.settings import Settings
from trailhouse.support.files import write_whole
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.query import read_columns, read_models_by_size
from trailhouse.warehouse.reading.questions import (
    Question,
    ask_question,
    packaged_questions,
    read_caveats,
    read_questions,
)
from trailhouse.warehouse.reading.scored_subjects import list_subjects

START_PERCENT = 10
SHOT_COUNT = 2
TOKEN_LIMIT = 12
COMPARED_ON_TASKS = 8  # models whose accuracies a chart shows beside those of the model that the report is about


@dataclass(frozen=True)
class WrittenReport:
    """The suite and corpus of a report, and the files that were written, the report first."""

    suite_id: str
    corpus_id: str
    files: tuple[Path, ...]
    first_findings: tuple[str, ...]
    """The sentences of the report to read first."""


def write_report(
    settings: Settings,
    suite: str | None = None,
    against: str | None = None,
    corpus: str | None = None,
    *,
    out: Path | None = None,
    is_markdown: bool = False,
) -> WrittenReport:
    """Write the report on a suite as one HTML file, or as Markdown with PNG files beside it.

    A suite or corpus that is not given is the one that was scored last. ``against`` is the suite whose models the
    largest model of ``suite`` is compared with, by default ``suite`` itself. The default of ``out`` is a file of the
    data directory, named after the suite.

    Raises BadInputError if a suite or corpus has no scores in the marts.
    """
    with connect(resolve_reader_address(settings)) as client:
        suite_id, corpus_id = find_subject(client, suite, corpus)
        findings = collect_findings(client, settings, suite_id, against or suite_id, corpus_id)
        passages = [] if is_markdown else list_passages(client, findings)
    first_findings = tuple(choose_first_findings(findings))
    file = out or settings.reports_directory / f"{suite_id}.{'md' if is_markdown else 'html'}"
    if not is_markdown:
        write_whole(file, render_report(findings, passages))
        return WrittenReport(suite_id, corpus_id, (file,), first_findings)
    card = render_model_card(findings, file.stem)
    for name, image in card.images.items():
        write_whole(file.with_name(name), image)
    write_whole(file, card.text)
    files = (file, *(file.with_name(name) for name in card.images))
    return WrittenReport(suite_id, corpus_id, files, first_findings)


def write_reports(settings: Settings, suite_ids: Sequence[str], corpus_id: str) -> list[Path]:
    """Write the reports on those of the suites that are scored on a corpus, and return their files."""
    with connect(resolve_reader_address(settings)) as client:
        scored = {subject.suite_id for subject in list_subjects(client) if subject.corpus_id == corpus_id}
    return [write_report(settings, suite_id, corpus=corpus_id).files[0] for suite_id in suite_ids if suite_id in scored]


def find_subject(client: Client, suite: str | None, corpus: str | None) -> tuple[str, str]:
    """Return the suite and the corpus of a report. What is not given is what was scored last.

    Raises BadInputError if nothing that fits is scored.
    """
    scored = [subject for subject in list_subjects(client) if subject.corpus_id]
    fitting = [s for s in scored if suite in (None, s.suite_id) and corpus in (None, s.corpus_id)]
    if fitting:
        return fitting[0].suite_id, fitting[0].corpus_id
    if not scored:
        raise BadInputError("no suite is scored yet", "run `trailhouse demo`, or `trailhouse score SUITE --corpus C`")
    known = ", ".join(dict.fromkeys(subject.suite_id for subject in scored))
    if suite is not None and suite not in {subject.suite_id for subject in scored}:
        raise BadInputError(f"suite {suite!r} is scored on no corpus", f"these suites are scored: {known}")
    corpora = dict.fromkeys(subject.corpus_id for subject in scored if suite in (None, subject.suite_id))
    raise BadInputError(f"nothing is scored on corpus {corpus!r}", f"there are scores on: {', '.join(corpora)}")


class Asker:
    """Asks the named questions about a suite on a corpus."""

    def __init__(self, client: Client, corpus_id: str) -> None:
        self.client = client
        self.corpus_id = corpus_id
        self.questions: dict[str, Question] = read_questions(packaged_questions())

    def ask(self, name: str, suite_id: str, **values: object) -> Answer:
        """Ask a question. The parameter ``corpus_id`` is set for questions that have it."""
        declared = {parameter.name for parameter in self.questions[name].parameters}
        corpus = {"corpus_id": self.corpus_id} if "corpus_id" in declared else {}
        parameters = {"suite_id": suite_id, **corpus, **{key: str(value) for key, value in values.items()}}
        return Answer(name, parameters, ask_question(self.client, self.questions[name], parameters))


def collect_findings(
    client: Client, settings: Settings, suite_id: str, reference_suite_id: str, corpus_id: str
) -> Findings:
    """Return what the marts hold about a suite on a corpus, for its report.

    Raises BadInputError if the marts do not have the suite, the reference suite or the scores on the corpus.
    """
    suite = find_suite(client, suite_id)
    find_suite(client, reference_suite_id)
    model_id = suite["largest_model_id"]
    read_columns(client, "fct_model_comparison", ["model_id"], {"model_id": model_id})  # marts of an earlier version
    corpora = read_columns(
        client, "dim_corpus", ["corpus_description", "document_count"], {"corpus_id": corpus_id}
    ).to_pylist()
    audited = read_columns(client, "fct_checkpoint_audit", ["check_name"], {"suite_id": suite_id})["check_name"]
    asker = Asker(client, corpus_id)
    suite_ids = list(dict.fromkeys([suite_id, reference_suite_id]))
    perplexities = tuple(asker.ask("validation_perplexity_by_step", each) for each in suite_ids)
    if perplexities[0].rows.num_rows == 0:
        raise BadInputError(f"the marts hold no scores of suite {suite_id!r} on corpus {corpus_id!r}", TRANSFORM_HINT)
    models = tuple(asker.ask("models_trained", each) for each in suite_ids)
    about = {"model_id": model_id, "reference_suite_id": "" if suite_id == reference_suite_id else reference_suite_id}
    shares = asker.ask("trend_shares_by_start", suite_id)
    start_percent = choose_start(shares, model_id)
    shot_count = choose_shot_count(client, suite_id)
    sizes = read_models_by_size(client, settings.database)
    others = [
        row["model_id"] for answer in reversed(models) for row in answer.list_rows() if row["model_id"] != model_id
    ]
    return Findings(
        suite_id=suite_id,
        suite_description=suite["suite_description"].rstrip("."),
        corpus_id=corpus_id,
        corpus_description=corpora[0]["corpus_description"].rstrip(".") if corpora else "",
        document_count=corpora[0]["document_count"] if corpora else 0,
        model_id=model_id,
        reference_suite_id=reference_suite_id,
        model_colors=assign_model_colors(sizes),
        dark_model_colors=assign_dark_colors(sizes),
        models=models,
        perplexities=perplexities,
        equal_compute=asker.ask("perplexity_at_equal_compute", suite_id, **about),
        equal_perplexity=asker.ask("compute_at_equal_perplexity", suite_id, **about),
        newest_checkpoint=asker.ask(
            "perplexity_differences", suite_id, comparison="previous checkpoint", model_id=model_id
        ),
        trend_shares=shares,
        start_percent=start_percent,
        forgotten_tokens=asker.ask(
            "most_forgotten_tokens", suite_id, model_id=model_id, start_percent=start_percent, limit=TOKEN_LIMIT
        ),
        most_forgotten_document=asker.ask(
            "documents_by_trend", suite_id, model_id=model_id, start_percent=start_percent, limit=1
        ),
        task_accuracies=tuple(
            asker.ask("tasks_by_accuracy", each.partition("/")[0], model_id=each, shot_count=shot_count)
            for each in [model_id, *others[-COMPARED_ON_TASKS:]]
        ),
        shot_count=shot_count,
        states=asker.ask("checkpoints_by_state", suite_id),
        wrong_checkpoints=asker.ask("checkpoints_with_something_wrong", suite_id),
        is_audited=any(name.as_py() != "perplexity" for name in audited),
        provenance=asker.ask("how_scores_were_computed", suite_id),
        caveats=(
            *read_caveats(client, "fct_trend_caveat", suite_id, corpus_id),
            *read_caveats(client, "fct_task_caveat", suite_id, None),
        ),
        version=__version__,
        written_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
    )


def list_passages(client: Client, findings: Findings) -> list[Block]:
    """Return the passage that a report shows, as a list without an entry if no document has enough tokens."""
    return [
        make_passage(
            findings,
            read_passage(
                client,
                str(row["document_id"]),
                findings.model_id,
                findings.start_percent,
                corpus=findings.corpus_id,
            ),
        )
        for row in findings.most_forgotten_document.list_rows()
    ]


def find_suite(client: Client, suite_id: str) -> dict[str, str]:
    """Return the row of a suite in the marts. Raises BadInputError if there is none."""
    rows = read_columns(client, "dim_suite", ["suite_id", "suite_description", "largest_model_id"]).to_pylist()
    for row in rows:
        if row["suite_id"] == suite_id:
            return dict(row)
    known = ", ".join(row["suite_id"] for row in rows)
    raise BadInputError(f"the marts have no suite {suite_id!r}", f"they have: {known}" if known else TRANSFORM_HINT)


def choose_start(shares: Answer, model_id: str) -> int:
    """Return the start of the trend that a report is about: 10 % of training, or the first one that has a fit."""
    starts = {row["start_percent"] for row in shares.list_rows() if row["model_id"] == model_id}
    return START_PERCENT if START_PERCENT in starts or not starts else int(min(starts))


def choose_shot_count(client: Client, suite_id: str) -> int:
    """Return the number of exemplars of the accuracies in a report: two, or the most that the suite has results of."""
    rows = read_columns(client, "fct_task_accuracy_by_checkpoint", ["shot_count"], {"suite_id": suite_id})
    counts = set(rows["shot_count"].to_pylist())
    return SHOT_COUNT if SHOT_COUNT in counts or not counts else int(max(counts))
