"""The sections of a report. A part that is missing is a sentence that names the command that makes it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from trailhouse.dashboards.report.charts import (
    Chart,
    chart_equal_compute,
    chart_equal_perplexity,
    chart_forgetting,
    chart_perplexity,
    chart_tasks,
)
from trailhouse.dashboards.report.findings import Answer, Findings, Row
from trailhouse.dashboards.report.number_texts import write_count, write_number
from trailhouse.dashboards.report.sentences import (
    Sentence,
    describe_audit,
    describe_equal_compute,
    describe_equal_perplexity,
    describe_forgetting,
    describe_perplexity,
    describe_tasks,
    describe_training,
)


@dataclass(frozen=True)
class Missing:
    """A part that the warehouse holds nothing of, and the command that makes it."""

    text: str
    command: str


@dataclass(frozen=True)
class Table:
    """A table: its headings and its rows."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Tokens:
    """Tokens with the text around them, the answer of ``most_forgotten_tokens``."""

    answer: Answer


@dataclass(frozen=True)
class Notes:
    """Sentences that a reader should keep in mind."""

    texts: tuple[str, ...]


Part = Sentence | Chart | Table | Tokens | Notes | Missing


@dataclass(frozen=True)
class Section:
    """A section of the report, with its parts in the order in which they are shown."""

    name: str
    title: str
    parts: tuple[Part, ...]

    @property
    def charts(self) -> list[Chart]:
        """The charts of the section."""
        return [part for part in self.parts if isinstance(part, Chart)]


METHODS = (
    "Perplexity is the exponential of the mean loss over all scored tokens. Training FLOPs count attention"
    " (6N + 12LHQT per token). Between checkpoints, perplexity and FLOPs are interpolated on logarithmic axes.",
    "Intervals of perplexities, ratios and shares are 95% intervals over documents: documents are drawn again, the same"
    " for all models. Intervals of accuracies are over items. They do not cover the choice of the seed or of the"
    " training data.",
    "A token is being forgotten if a linear fit of its loss over the checkpoints rises with a p-value below 0.05, as in"
    " Xia et al. 2023. The tokens shown were chosen because they rise most, so their rises are exaggerated.",
)


def list_sections(findings: Findings) -> list[Section]:
    """Return the sections of a report in their order."""
    return [
        describe_models_section(findings),
        describe_standing_section(findings),
        describe_forgetting_section(findings),
        describe_tasks_section(findings),
        describe_audit_section(findings),
        describe_measurement_section(findings),
    ]


def describe_models_section(findings: Findings) -> Section:
    """Return what was trained."""
    headings = (
        "model",
        "architecture",
        "parameters",
        "layers",
        "width",
        "context",
        "checkpoints",
        "step",
        "tokens seen",
    )
    rows = tuple(
        (
            findings.names[row["model_id"]],
            row["architecture"],
            write_count(row["parameter_count"]),
            f"{row['layer_count']:,}",
            f"{row['hidden_size']:,}",
            f"{row['context_length']:,}",
            f"{row['checkpoint_count']:,}",
            f"{row['last_step']:,}",
            write_count(row["last_tokens_seen"]),
        )
        for answer in findings.models
        for row in answer.list_rows()
    )
    return Section("trained", "What was trained", (*describe_training(findings), Table(headings, rows)))


def describe_standing_section(findings: Findings) -> Section:
    """Return how the model stands at equal compute and at equal perplexity."""
    parts: list[Part] = [*describe_perplexity(findings), *keep_chart(chart_perplexity(findings))]
    parts += [*describe_equal_compute(findings), *keep_chart(chart_equal_compute(findings))]
    parts += [*describe_equal_perplexity(findings), *keep_chart(chart_equal_perplexity(findings))]
    if not findings.equal_compute.list_rows() and not findings.equal_perplexity.list_rows():
        parts.append(
            Missing(
                f"No other model of {findings.reference_suite_id} can be compared with"
                f" {findings.names[findings.model_id]} on {findings.corpus_id}: none is scored on it, or none has"
                " reached the same compute or perplexity. Score another suite and name it with --against.",
                shlex.join(["trailhouse", "score", "OTHER_SUITE", "--corpus", findings.corpus_id]),
            )
        )
    return Section("standing", "How it stands", tuple(parts))


def describe_forgetting_section(findings: Findings) -> Section:
    """Return what the model is forgetting."""
    parts: list[Part] = [*describe_forgetting(findings), *keep_chart(chart_forgetting(findings))]
    if not parts:
        text = "There are no trends yet: a trend needs three scored checkpoints after its start."
        command = shlex.join(["trailhouse", "score", findings.suite_id, "--corpus", findings.corpus_id])
        parts.append(Missing(text, f"{command} && trailhouse transform"))
    if findings.forgotten_tokens.rows.num_rows:
        parts.append(Tokens(findings.forgotten_tokens))
    return Section("forgotten", "What is being forgotten", tuple(parts))


def describe_tasks_section(findings: Findings) -> Section:
    """Return what the model can do."""
    parts: list[Part] = [*describe_tasks(findings), *keep_chart(chart_tasks(findings))]
    if not parts:
        text = f"{findings.names[findings.model_id]} was evaluated on no task yet."
        command = shlex.join(["trailhouse", "evaluate", findings.suite_id])
        parts.append(Missing(text, f"{command} && trailhouse transform"))
    return Section("tasks", "What it can do", tuple(parts))


def describe_audit_section(findings: Findings) -> Section:
    """Return whether every checkpoint is scored, and what the audit found."""
    parts: list[Part] = [*describe_audit(findings)]
    rows = tuple(
        (
            str(findings.names.get(row["model_id"], row["model_id"])),
            f"{row['step']:,}",
            row["check_name"],
            row["message"],
        )
        for row in findings.wrong_checkpoints.list_rows()
    )
    if rows:
        parts.append(Table(("model", "step", "check", "finding"), rows))
    if not findings.is_audited:
        command = shlex.join(["trailhouse", "audit", findings.suite_id])
        parts.append(Missing("The checkpoints were not audited yet.", f"{command} && trailhouse transform"))
    return Section("audit", "Audit", tuple(parts))


def describe_measurement_section(findings: Findings) -> Section:
    """Return how the numbers of the report were measured."""
    description = f": {findings.corpus_description}" if findings.corpus_description else ""
    parts: list[Part] = [
        Sentence(f"The corpus is {findings.corpus_id}{description} ({findings.document_count:,} documents).")
    ]
    provenance = findings.provenance.list_rows()
    if provenance:
        parts.append(Sentence(describe_provenance(provenance), findings.provenance))
    parts += [Sentence(text) for text in METHODS]
    if findings.caveats:
        parts.append(Notes(findings.caveats))
    return Section("measured", "How it was measured", tuple(parts))


def keep_chart(chart: Chart | None) -> list[Chart]:
    """Return a list with the chart, or an empty one if there is none."""
    return [] if chart is None else [chart]


def describe_provenance(rows: list[Row]) -> str:
    """Return with which software, settings and device the scores were computed."""
    latest = rows[0]
    settings, versions = json.loads(latest["scoring_settings"]), json.loads(latest["library_versions"])
    libraries = [f"{name} {versions[name]}" for name in ("torch", "transformers", "python") if name in versions]
    rounding = settings.get("quanta_per_nat")
    stored = f", stored to 1/{rounding:,} nats" if rounding else ""
    verified = sum(row["verified_count"] for row in {row["started_at"]: row for row in rows}.values())
    differences = [row["largest_difference_nats"] for row in rows if row["largest_difference_nats"] is not None]
    twice = f" {verified:,} positions were scored twice" if verified else ""
    largest = f", and differed by at most {write_number(max(differences))} nats." if verified and differences else ""
    return (
        f"Scored with Trailhouse {latest['trailhouse_version']} ({', '.join(libraries)}) on {latest['device']},"
        f" weights in {latest['dtype']}, context of {settings.get('context_length', '?')} tokens and a stride of"
        f" {settings.get('stride', '?')}{stored}.{twice}{largest or ('.' if twice else '')}"
    )
