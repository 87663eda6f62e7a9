"""The flow of the standing service. It audits, scores and evaluates checkpoints, and derives and publishes marts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from trailhouse.errors import PartialError, TrailhouseError
from trailhouse.flows.audit_checkpoints import audit_checkpoints
from trailhouse.flows.build_marts import build_marts
from trailhouse.flows.build_plan import describe_record
from trailhouse.flows.build_report import BuildReport, find_unchanged
from trailhouse.flows.evaluate_tasks import evaluate_tasks
from trailhouse.flows.generate_for_suite import generate_for_suite
from trailhouse.flows.pipeline.claims import claim_work
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.prefect.crashed_runs import guard_shared_server
from trailhouse.flows.publish_dashboards import refresh_running_dashboards
from trailhouse.flows.score_checkpoints import score_checkpoints
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import POLL_ARTIFACT, Settings, load_settings, read_watcher
from trailhouse.flows.write_report import write_reports
from trailhouse.support.files import write_whole
from trailhouse.support.processes import end_with_process
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.imports.eval_results import read_latest_import
from trailhouse.warehouse.loading.evaluation_ledger import read_latest_evaluation
from trailhouse.warehouse.loading.score_ledger import read_latest_scoring

PUSHED_EVENT = "trailhouse.checkpoint.pushed"


@dataclass(frozen=True)
class WatchedWork:
    """One part of a run's work on a suite: scoring it on a corpus, evaluating it on all tasks, or generating texts."""

    suite: str
    subject: str
    """The name of the corpus, the word "tasks" for the evaluation, or "generated texts"."""
    wrong_count: int
    """Number of checkpoints in which the audit of the suite found a problem."""
    wanted_count: int = 0
    """Number of checkpoints to score, evaluations to make or texts to generate, including those of earlier runs."""
    done_count: int = 0
    elsewhere_count: int = 0
    """Number of checkpoints or evaluations that another worker did during the run. Not counted for texts."""
    error: str = ""


@dataclass(frozen=True)
class Derivation:
    """The marts that were derived, and the charts that were refreshed.

    ``marts`` is None if there was nothing to derive, or if deriving failed.
    """

    marts: BuildReport | None = None
    warmed_chart_count: int = 0
    """Number of charts whose cached results were renewed in the running Superset."""
    reports: tuple[Path, ...] = ()
    """The reports that were written."""
    error: str = ""


@dataclass(frozen=True)
class WatchReport:
    """What one run of the flow did with all watched suites."""

    works: list[WatchedWork]
    derivation: Derivation


@flow(name="watch_checkpoints", validate_parameters=False, persist_result=False)
def watch_checkpoints(
    suites: Sequence[str],
    corpora: Sequence[str],
    tasks: Sequence[str] = (),
    shot_counts: Sequence[int] = (2,),
    presets: Sequence[str] = (),
    settings: Settings | None = None,
) -> WatchReport:
    """Audit every suite, score and evaluate what is new in it, derive the marts and publish the dashboards.

    ``tasks`` and ``shot_counts`` are passed to ``evaluate_tasks``. If ``tasks`` is empty, nothing is evaluated.
    ``presets`` are passed to ``generate_for_suite`` with the first corpus. If they are empty, nothing is generated. An
    error in one suite does not stop the work on the others. If there was an error, PartialError is raised at the end,
    so that the run counts as failed. The next run tries again.
    """
    settings = settings or load_settings()
    if watcher := read_watcher():
        end_with_process(watcher)
    guard_shared_server()
    works = [work for suite in suites for work in watch_suite(suite, corpora, tasks, shot_counts, settings)]
    if presets:
        works += [watch_generation(suite, corpora[0], presets, settings) for suite in suites]
    report = WatchReport(works, write_watched_reports(derive_new(settings), suites, corpora, settings))
    create_markdown_artifact(describe_watch(report), key="watch-report", description="What the last run found")
    create_table_artifact(list_poll_rows(report), key=POLL_ARTIFACT, description="What each run found and changed")
    failed = [work for work in works if work.error]
    if failed:
        raise PartialError(
            f"{len(failed)} of {count_of(len(works), 'run')} failed; the first, {failed[0].suite} on"
            f" {failed[0].subject}: {failed[0].error}",
            "mend it; the next run tries again",
        )
    if report.derivation.error:
        raise PartialError(
            f"what is new is scored, but not all of it is shown: {report.derivation.error}",
            "mend it; the next run tries again",
        )
    return report


def watch_suite(
    suite: str, corpora: Sequence[str], tasks: Sequence[str], shot_counts: Sequence[int], settings: Settings
) -> Iterator[WatchedWork]:
    """Audit a suite, then score and evaluate its new checkpoints. An error is stored in the yielded WatchedWork."""
    subjects = [*corpora, *(["tasks"] if tasks else [])]
    try:
        wrong_count = audit_checkpoints(suite, settings, are_values_read=False).wrong_count
    except TrailhouseError as error:
        yield from (WatchedWork(suite, subject, 0, error=str(error)) for subject in subjects)
        return
    for corpus in corpora:
        try:
            scoring = score_checkpoints(suite, corpus, settings)
        except TrailhouseError as error:
            yield WatchedWork(suite, corpus, wrong_count, error=str(error))
        else:
            counts = (scoring.checkpoint_count, scoring.scored_count, scoring.elsewhere_count)
            yield WatchedWork(suite, corpus, wrong_count, *counts)
    if not tasks:
        return
    try:
        evaluation = evaluate_tasks(suite, tasks, shot_counts, settings=settings)
    except TrailhouseError as error:
        yield WatchedWork(suite, "tasks", wrong_count, error=str(error))
    else:
        counts = (evaluation.evaluation_count, evaluation.evaluated_count, evaluation.elsewhere_count)
        yield WatchedWork(suite, "tasks", wrong_count, *counts)


def watch_generation(suite: str, corpus: str, presets: Sequence[str], settings: Settings) -> WatchedWork:
    """Generate and score texts once the smallest and largest models are finished. An error is stored in the result."""
    subject = "generated texts"
    try:
        made = generate_for_suite(suite, corpus, presets, settings)
    except TrailhouseError as error:
        return WatchedWork(suite, subject, 0, error=str(error))
    if made is None:
        return WatchedWork(suite, subject, 0)
    generation = made.generation
    wanted_count = generation.generated_count + generation.already_generated_count
    return WatchedWork(suite, subject, 0, wanted_count, generation.generated_count)


def derive_new(
    settings: Settings,
    build: Callable[[tuple[str, ...], Settings], BuildReport] = build_marts,
    refresh: Callable[[Settings], int] = refresh_running_dashboards,
) -> Derivation:
    """Build and publish the marts if something changed since the last build or publication.

    ``find_unchanged`` says whether there is something to build. A file records which build was published last. Nothing
    is done if there are no results, or if another process does this at the moment. An error is not raised but returned
    in the result, and the next run tries again.
    """
    published = settings.data_directory / "dbt" / "published_build.txt"
    address = resolve_address(settings)
    with connect(address) as client:
        if not holds_results(client):
            return Derivation()
    marts = None
    try:
        if find_unchanged(settings) is not None and is_noted(published, describe_record(address)):
            return Derivation()
        with claim_work("trailhouse-transform", settings.data_directory) as claim:
            if not claim.is_ours:
                return Derivation()
            if find_unchanged(settings) is None:
                marts = build((), settings)
            warmed_chart_count = refresh(settings)
            write_whole(published, describe_record(address))
    except TrailhouseError as error:
        return Derivation(marts, error=str(error))
    return Derivation(marts, warmed_chart_count)


def write_watched_reports(
    derivation: Derivation, suites: Sequence[str], corpora: Sequence[str], settings: Settings
) -> Derivation:
    """Write the reports on the watched suites after the marts were derived, each on the first corpus.

    An error is not raised but returned in the result.
    """
    if derivation.marts is None or not corpora:
        return derivation
    try:
        suite_ids = [find_declared_suite(suite, settings).suite_id for suite in suites]
        return replace(derivation, reports=tuple(write_reports(settings, suite_ids, corpora[0])))
    except TrailhouseError as error:
        return replace(derivation, error=derivation.error or str(error))


def holds_results(client: Client) -> bool:
    """Return whether the warehouse holds scores, evaluations or imported results."""
    return any(read(client) is not None for read in (read_latest_scoring, read_latest_evaluation, read_latest_import))


def is_noted(note: Path, text: str) -> bool:
    """Return whether the file ``note`` exists and holds exactly ``text``."""
    return note.is_file() and note.read_text(encoding="utf-8") == text


def list_poll_rows(report: WatchReport) -> list[dict[str, Any]]:
    """Return one row for each part of the work, and rows without a suite for the marts, charts and reports."""
    derivation = report.derivation
    shown = {
        "derived model": derivation.marts.model_count if derivation.marts else 0,
        "refreshed chart": derivation.warmed_chart_count,
        "written report": len(derivation.reports),
    }
    derived = [WatchedWork("", subject, 0, done_count=count) for subject, count in shown.items()]
    return [asdict(work) for work in (*report.works, *derived)]


def describe_watch(report: WatchReport) -> str:
    """Return the report as Markdown."""
    lines = [
        "| suite | corpus, tasks or texts | wanted | done now | done by other workers | wrong by the audit | error |",
        "|---|---|---|---|---|---|---|",
    ]
    for work in report.works:
        counts = "||" if work.error else f"{work.wanted_count}|{work.done_count}|{work.elsewhere_count}"
        lines.append(f"|{work.suite}|{work.subject}|{counts}|{work.wrong_count}|{work.error.replace('|', '/')}|")
    derivation = report.derivation
    built = (
        "nothing new derived"
        if derivation.marts is None
        else f"{count_of(derivation.marts.model_count, 'model')} derived"
    )
    reports = [f"Reports: {', '.join(map(str, derivation.reports))}."] if derivation.reports else []
    error = [f"Error: {derivation.error}"] if derivation.error else []
    return "\n".join(
        [*lines, "", f"Marts: {built}. Charts refreshed: {derivation.warmed_chart_count}.", *reports, *error]
    )
