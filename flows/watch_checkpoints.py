"""The flow of the standing service: whatever is new is scored, derived and published, without anyone's doing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from trailhouse.errors import PartialError, TrailhouseError
from trailhouse.flows.address import resolve_address
from trailhouse.flows.audit_checkpoints import audit_checkpoints
from trailhouse.flows.build_marts import BuildReport, build_marts
from trailhouse.flows.publish_dashboards import warm_running_dashboards
from trailhouse.flows.score_checkpoints import ScoringReport, score_checkpoints
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.flows.slots import claim_work, has_server
from trailhouse.flows.zombie_guard import guard_against_zombies
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.ledger import read_latest_scoring

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
class WatchReport:
    """What one look at the suites did; ``marts`` is None where nothing was to be derived."""

    sweeps: list[WatchedSweep]
    marts: BuildReport | None
    warmed_chart_count: int
    """Charts of the running Superset that were asked anew."""


@flow(name="watch_checkpoints", validate_parameters=False, persist_result=False)
def watch_checkpoints(suites: list[str], corpora: list[str], settings: Settings | None = None) -> WatchReport:
    """Audit every suite, score what is new on every corpus, derive the marts from it and refresh the dashboards.

    One suite's mistake stops no other. Raises PartialError at the end if there was any: the run counts as failed,
    and the next one looks again.
    """
    settings = settings or load_settings()
    if has_server():
        guard_against_zombies()
    sweeps = [sweep_suite(suite, corpus, settings) for suite in suites for corpus in corpora]
    marts = derive_new(settings)
    report = WatchReport(sweeps, marts, 0 if marts is None else warm_running_dashboards(settings))
    create_markdown_artifact(describe_watch(report), key="watch-report", description="What the last look found")
    mistakes = [sweep for sweep in sweeps if sweep.error]
    if mistakes:
        raise PartialError(
            f"{len(mistakes)} of {len(sweeps)} sweeps had mistakes; the first, {mistakes[0].suite}:"
            f" {mistakes[0].error}",
            "mend it; the next look goes on",
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


def derive_new(settings: Settings) -> BuildReport | None:
    """Build the marts if anything was scored since they were last built from here, and nobody else builds them.

    What was derived last is noted after the build, so that one that failed is tried again.
    """
    note = settings.data_directory / "dbt" / "derived_scoring.txt"
    with connect(resolve_address(settings)) as client:
        latest = read_latest_scoring(client)
    if latest is None or (note.is_file() and note.read_text(encoding="utf-8") == latest):
        return None
    with claim_work("trailhouse-transform", settings.data_directory) as claim:
        if not claim.is_ours:
            return None
        report = build_marts((), settings)
    write_note(note, latest)
    return report


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
    built = "nothing new to derive" if report.marts is None else f"{report.marts.model_count} models derived"
    return "\n".join([*lines, "", f"Marts: {built}. Charts asked anew: {report.warmed_chart_count}."])
