"""The flow of the standing service: whatever is new is scored, derived and published, without anyone's doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from trailhouse.errors import PartialError, TrailhouseError
from trailhouse.flows.audit_checkpoints import audit_checkpoints
from trailhouse.flows.build_marts import BuildReport, build_marts
from trailhouse.flows.pipeline.claims import claim_work, has_server
from trailhouse.flows.prefect.crashed_runs import guard_against_zombies
from trailhouse.flows.publish_dashboards import refresh_running_dashboards
from trailhouse.flows.score_checkpoints import ScoringReport, score_checkpoints
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.audits import read_latest_audit
from trailhouse.warehouse.loading.score_ledger import read_latest_scoring

PUSHED_EVENT = "trailhouse.checkpoint.pushed"


@dataclass(frozen=True)
class WatchedSweep:
    """What became of one suite on one corpus."""

    suite: str
    corpus_id: str
    wrong_count: int
    """Checkpoints that the audit finds wrong."""
    report: ScoringReport | None
    error: str


@dataclass(frozen=True)
class Derivation:
    """What was derived and shown; ``marts`` is None where nothing was to be derived, or it failed."""

    marts: BuildReport | None = None
    warmed_chart_count: int = 0
    """Charts of the running Superset that were asked anew."""
    error: str = ""


@dataclass(frozen=True)
class WatchReport:
    """What one look at the suites did."""

    sweeps: list[WatchedSweep]
    derivation: Derivation


@flow(name="watch_checkpoints", validate_parameters=False, persist_result=False)
def watch_checkpoints(suites: list[str], corpora: list[str], settings: Settings | None = None) -> WatchReport:
    """Audit every suite, score what is new on every corpus, derive the marts from it and publish the dashboards.

    One suite's mistake stops no other. Raises PartialError at the end if there was any: the run counts as failed,
    and the next one looks again.
    """
    settings = settings or load_settings()
    if has_server():
        guard_against_zombies()
    sweeps = [sweep_suite(suite, corpus, settings) for suite in suites for corpus in corpora]
    report = WatchReport(sweeps, derive_new(settings))
    create_markdown_artifact(describe_watch(report), key="watch-report", description="What the last look found")
    mistakes = [sweep for sweep in sweeps if sweep.error]
    if mistakes:
        raise PartialError(
            f"{len(mistakes)} of {len(sweeps)} sweeps had mistakes; the first, {mistakes[0].suite}:"
            f" {mistakes[0].error}",
            "mend it; the next look goes on",
        )
    if report.derivation.error:
        raise PartialError(
            f"what is new is scored, and not all of it is shown: {report.derivation.error}",
            "mend it; the next look tries again",
        )
    return report


def sweep_suite(suite: str, corpus_id: str, settings: Settings) -> WatchedSweep:
    """Audit a suite and score what is new in it; a mistake becomes part of the report."""
    wrong_count = 0
    try:
        wrong_count = audit_checkpoints(suite, settings, are_values_read=False).wrong_count
        return WatchedSweep(suite, corpus_id, wrong_count, score_checkpoints(suite, corpus_id, settings), "")
    except TrailhouseError as error:
        return WatchedSweep(suite, corpus_id, wrong_count, None, str(error))


def derive_new(
    settings: Settings,
    build: Callable[[tuple[str, ...], Settings], BuildReport] = build_marts,
    refresh: Callable[[Settings], int] = refresh_running_dashboards,
) -> Derivation:
    """Build the marts and publish where anything was scored or found by an audit since, and nobody else does.

    Each is noted once it is done, and what failed becomes part of the report: the next look tries it again.
    """
    directory = settings.data_directory / "dbt"
    derived, published = directory / "derived_scoring.txt", directory / "published_scoring.txt"
    with connect(resolve_address(settings)) as client:
        scoring, audit = read_latest_scoring(client), read_latest_audit(client)
    latest = f"scored {scoring}, audited {audit}"
    if scoring is None or (is_noted(derived, latest) and is_noted(published, latest)):
        return Derivation()
    with claim_work("trailhouse-transform", settings.data_directory) as claim:
        if not claim.is_ours:
            return Derivation()
        marts = None
        try:
            if not is_noted(derived, latest):
                marts = build((), settings)
                write_note(derived, latest)
            warmed_chart_count = refresh(settings)
            write_note(published, latest)
        except TrailhouseError as error:
            return Derivation(marts, error=str(error))
    return Derivation(marts, warmed_chart_count)


def is_noted(note: Path, text: str) -> bool:
    """Return whether a note says this."""
    return note.is_file() and note.read_text(encoding="utf-8") == text


def write_note(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def describe_watch(report: WatchReport) -> str:
    """The report as Markdown."""
    lines = [
        "| suite | corpus | checkpoints | scored now | scored by other workers | wrong by the audit | mistake |",
        "|---|---|---|---|---|---|---|",
    ]
    for sweep in report.sweeps:
        done = sweep.report
        counts = "||" if done is None else f"{done.checkpoint_count}|{done.scored_count}|{done.elsewhere_count}"
        error = sweep.error.replace("|", "/")
        lines.append(f"|{sweep.suite}|{sweep.corpus_id}|{counts}|{sweep.wrong_count}|{error}|")
    derivation = report.derivation
    built = "nothing new derived" if derivation.marts is None else f"{derivation.marts.model_count} models derived"
    mistake = [f"Mistake: {derivation.error}"] if derivation.error else []
    return "\n".join([*lines, "", f"Marts: {built}. Charts asked anew: {derivation.warmed_chart_count}.", *mistake])
