"""The sections of a report. A part that is missing is a sentence that names the command that makes it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

from trailhouse.dashboards.report.charts import (
    Chart,
    chart_equal_compute,
    chart_equal_perplexity,
    chart_forgetting,
    chart_perplexity,
    chart_tasks,
)
from trailhouse.dashboards.report.findings import Answer, Findings
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
class Section:
    """A section of the report. Its parts are shown in the order of the fields."""

    name: str
    title: str
    sentences: tuple[Sentence, ...]
    charts: tuple[Chart, ...] = ()
    tokens: Answer | None = None
    """Tokens with the text around them, from the question ``most_forgotten_tokens``."""
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of a table; the first holds the headings."""
    notes: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = field(default=())


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
    headings = ("model", "architecture", "parameters", "layers", "width", "context", "checkpoints", "step", "tokens seen")
    rows = [
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
    ]
    return Section(
        "trained", "What was trained", tuple(describe_training(findings)), table=(headings, *rows)
    )


def describe_standing_section(findings: Findings) -> Section:
    """Return how the model stands at equal compute and at equal perplexity."""
    sentences = (
        *describe_perplexity(findings),
        *describe_equal_compute(findings),
        *describe_equal_perplexity(findings),
    )
    charts = (chart_perplexity(findings), chart_equal_compute(findings), chart_equal_perplexity(findings))
    missing = []
    if not findings.equal_compute.list_rows() and not findings.equal_perplexity.list_rows():
        missing.append(
            Missing(
                f"No other model of {findings.reference_suite_id} can be compared with"
                f" {findings.names[findings.model_id]} on {findings.corpus_id}: none is scored on it, or none has"
                " reached the same compute or perplexity. Score another suite and name it with --against.",
                shlex.join(["trailhouse", "score", "OTHER_SUITE", "--corpus", findings.corpus_id]),
            )
        )
    return Section(
        "standing",
        "How it stands at equal compute and equal perplexity",
        sentences,
        tuple(chart for chart in charts if chart is not None),
        missing=tuple(missing),
    )


def describe_forgetting_section(findings: Findings) -> Section:
    """Return what the model is forgetting."""
    chart = chart_forgetting(findings)
    missing = ()
    if chart is None:
        text = "There are no trends yet: a trend needs three scored checkpoints after its start."
        command = shlex.join(["trailhouse", "score", findings.suite_id, "--corpus", findings.corpus_id])
        missing = (Missing(text, f"{command} && trailhouse transform"),)
    return Section(
        "forgotten",
        "What is being forgotten",
        tuple(describe_forgetting(findings)),
        () if chart is None else (chart,),
        tokens=findings.forgotten_tokens if findings.forgotten_tokens.rows.num_rows else None,
        missing=missing,
    )


def describe_tasks_section(findings: Findings) -> Section:
    """Return what the model can do."""
    chart = chart_tasks(findings)
    missing = ()
    if chart is None:
        name = findings.names[findings.model_id]
        command = shlex.join(["trailhouse", "evaluate", findings.suite_id])
        missing = (Missing(f"{name} was evaluated on no task yet.", f"{command} && trailhouse transform"),)
    charts = () if chart is None else (chart,)
    return Section("tasks", "What it can do", tuple(describe_tasks(findings)), charts, missing=missing)


def describe_audit_section(findings: Findings) -> Section:
    """Return whether every checkpoint is scored, and what the audit found."""
    wrong = findings.wrong_checkpoints.list_rows()
    rows = tuple(
        (findings.names.get(row["model_id"], row["model_id"]), f"{row['step']:,}", row["check_name"], row["message"])
        for row in wrong
    )
    missing = ()
    if not findings.is_audited:
        command = shlex.join(["trailhouse", "audit", findings.suite_id])
        missing = (Missing("The checkpoints were not audited yet.", f"{command} && trailhouse transform"),)
    headings = (("model", "step", "check", "finding"),) if rows else ()
    return Section(
        "audit", "Audit", tuple(describe_audit(findings)), table=(*headings, *rows), missing=missing
    )


def describe_measurement_section(findings: Findings) -> Section:
    """Return how the numbers of the report were measured."""
    texts = [
        f"Corpus {findings.corpus_id}: {findings.corpus_description} ({findings.document_count:,} documents)."
        if findings.corpus_description
        else f"Corpus {findings.corpus_id}, {findings.document_count:,} documents."
    ]
    sentences = [Sentence(texts[0])]
    provenance = findings.provenance.list_rows()
    if provenance:
        sentences.append(Sentence(describe_provenance(provenance), findings.provenance))
    sentences += [
        Sentence(
            "Perplexity is the exponential of the mean loss over all scored tokens. Training FLOPs count attention"
            " (6N + 12LHQT per token). Between checkpoints, perplexity and FLOPs are interpolated on logarithmic axes."
        ),
        Sentence(
            "Intervals of perplexities, ratios and shares are 95% intervals over documents: documents are drawn again,"
            " the same for all models. Intervals of accuracies are over items. They do not cover the choice of the"
            " seed or of the training data."
        ),
        Sentence(
            "A token is being forgotten if a linear fit of its loss over the checkpoints rises with a p-value below"
            " 0.05 under the convention of Xia et al. 2023. The tokens shown were chosen because they rise most, so"
            " their rises are exaggerated."
        ),
    ]
    return Section("measured", "How it was measured", tuple(sentences), notes=findings.caveats)


def describe_provenance(rows: list[dict]) -> str:  # type: ignore[type-arg]  # a row of an answer
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
