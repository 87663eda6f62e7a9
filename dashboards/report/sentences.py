"""The sentences of a report. Each is made from the answer of a named question, which it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trailhouse.dashboards.report.findings import Answer, Findings, Row
from trailhouse.dashboards.report.number_texts import (
    join_words,
    write_count,
    write_number,
    write_percent,
    write_power,
    write_range,
    write_ratio_bounds,
)


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the answer that its numbers come from."""

    text: str
    source: Answer | None = None


FIRST_COUNT = 3


def choose_first_findings(findings: Findings) -> list[str]:
    """Return the three findings to read first: what is forgotten and how the model stands come before other facts."""
    perplexities = list(describe_perplexity(findings))
    ordered = [
        *perplexities[:1],
        *describe_forgetting(findings),
        *list(describe_equal_compute(findings))[:1],
        *perplexities[1:],
        *describe_tasks(findings),
        *describe_training(findings),
    ]
    return [sentence.text for sentence in ordered[:FIRST_COUNT]]


def describe_training(findings: Findings) -> Iterator[Sentence]:
    """Say what was trained, and how far."""
    answer = findings.models[0]
    rows = answer.list_rows()
    names = findings.names
    sizes = [f"{names[row['model_id']]} ({write_count(row['parameter_count'])} parameters)" for row in rows]
    models = "one model" if len(rows) == 1 else f"{len(rows)} models"
    yield Sentence(f"The suite {findings.suite_id} has {models}: {join_words(sizes)}.", answer)
    row = findings.describe_model()
    tokens, flops = row["last_tokens_seen"], row["last_train_flops_palm"]
    fraction = row["last_fraction_of_training"]
    done = "" if fraction is None else f", {write_percent(100 * fraction)} of the planned training"
    yield Sentence(
        f"This report is about its largest model, {names[findings.model_id]}. Its last checkpoint is step"
        f" {row['last_step']:,}, after {write_count(tokens)} tokens and {write_power(flops)} FLOPs{done}.",
        answer,
    )


def describe_perplexity(findings: Findings) -> Iterator[Sentence]:
    """Say the perplexity of the last checkpoint, and what this checkpoint changed."""
    answer = findings.perplexities[0]
    rows = [row for row in answer.list_rows() if row["model_id"] == findings.model_id]
    if not rows:
        return
    last, name = rows[-1], findings.names[findings.model_id]
    yield Sentence(
        f"At step {last['step']:,}, {name} has a perplexity of {write_number(last['perplexity'])}"
        f"{write_range(last['perplexity_lower'], last['perplexity_upper'])} on {findings.corpus_id}.",
        answer,
    )
    changes = findings.newest_checkpoint.list_rows()
    if changes and changes[-1]["perplexity_ratio"] is not None:
        row = changes[-1]
        yield Sentence(
            f"The newest checkpoint has {write_bounds(row, 'perplexity_ratio')} times the perplexity of the one"
            f" before, step {row['reference_step']:,}:"
            f" {judge(row, 'perplexity_ratio', 'it is better', 'it is worse')}.",
            findings.newest_checkpoint,
        )


def describe_equal_compute(findings: Findings) -> Iterator[Sentence]:
    """Compare the model with every reference model at equal compute."""
    for row in findings.equal_compute.list_rows():
        name, other = findings.names[row["model_id"]], findings.names[row["reference_model_id"]]
        yield Sentence(
            f"At {write_power(row['equal_train_flops'])} FLOPs, the most that both have reached, {name} has"
            f" {write_bounds(row, 'perplexity_ratio')} times the perplexity of {other}:"
            f" {judge(row, 'perplexity_ratio', f'{name} is ahead', f'{name} is behind')}.",
            findings.equal_compute,
        )


def describe_equal_perplexity(findings: Findings) -> Iterator[Sentence]:
    """Compare the compute that the model and every reference model needed for the same perplexity."""
    for row in findings.equal_perplexity.list_rows():
        name, other = findings.names[row["model_id"]], findings.names[row["reference_model_id"]]
        yield Sentence(
            f"To reach a perplexity of {write_number(row['equal_perplexity'])}, the lowest that both"
            f" have reached, {name} took {write_bounds(row, 'flops_ratio')} times the compute of {other}:"
            f" {judge(row, 'flops_ratio', f'{name} took less', f'{name} took more')}.",
            findings.equal_perplexity,
        )


def describe_forgetting(findings: Findings) -> Iterator[Sentence]:
    """Say which share of the tokens the model forgets, beside the share that chance gives."""
    answer = findings.trend_shares
    for row in answer.list_rows():
        is_wanted = row["category"] == "upward" and row["start_percent"] == findings.start_percent
        if row["model_id"] != findings.model_id or not is_wanted:
            continue
        chance = row["percent_after_permutation"]
        beside = "" if chance is None else f" If the checkpoints are permuted, it is {write_percent(chance)}."
        few = " The trend has fewer than five checkpoints." if row["has_few_points"] else ""
        yield Sentence(
            f"From {findings.start_percent} % of training on, the loss of {write_percent(row['token_percent'])} of the"
            f" tokens rises significantly"
            f"{write_range(row['percent_lower'], row['percent_upper'], write_percent)}:"
            f" {findings.names[findings.model_id]} is forgetting them.{beside}{few}",
            answer,
        )


def describe_tasks(findings: Findings) -> Iterator[Sentence]:
    """Say how many tasks the model solves better than chance, and which one best."""
    answer = findings.task_accuracies[0]
    rows = answer.list_rows()
    if not rows:
        return
    above = [row for row in rows if row["accuracy_lower"] > row["chance_accuracy_ratio"]]
    best = rows[0]
    yield Sentence(
        f"With {findings.shot_count} exemplars, {findings.names[findings.model_id]} is above chance on {len(above)} of"
        f" {len(rows)} tasks: there, the 95% interval of the accuracy lies above the accuracy of random choices.",
        answer,
    )
    bounds = write_range(100 * best["accuracy_lower"], 100 * best["accuracy_upper"], write_percent)
    yield Sentence(
        f"It is furthest above chance on {best['task_id']}: {write_percent(100 * best['accuracy_ratio'])} of"
        f" {best['item_count']} items are right{bounds}; random choices give"
        f" {write_percent(100 * best['chance_accuracy_ratio'])}.",
        answer,
    )


def describe_audit(findings: Findings) -> Iterator[Sentence]:
    """Say how many checkpoints are scored, and what the audit found."""
    rows = findings.states.list_rows()
    found, done = (sum(row[name] for row in rows) for name in ("checkpoint_count", "in_marts_count"))
    newest = max((str(row["last_scored_at"])[:16] for row in rows if row["last_scored_at"] is not None), default="")
    when = f" The newest scores are of {newest} UTC." if newest else ""
    yield Sentence(
        f"{done:,} of {found:,} checkpoints are scored on {findings.corpus_id} and in the marts.{when}", findings.states
    )
    wrong = findings.wrong_checkpoints.list_rows()
    if not wrong and findings.is_audited:
        yield Sentence("The audit found nothing wrong with any checkpoint.", findings.wrong_checkpoints)
    if not wrong:
        return
    places = {(row["model_id"], row["step"]) for row in wrong}
    yield Sentence(
        f"The audit found something wrong with {len(places):,} {'checkpoint' if len(places) == 1 else 'checkpoints'}.",
        findings.wrong_checkpoints,
    )


def write_bounds(row: Row, column: str) -> str:
    """Return a ratio, with its interval in parentheses if it has one."""
    return write_ratio_bounds(row[column], row[f"{column}_lower"], row[f"{column}_upper"])


def judge(row: Row, column: str, below: str, above: str) -> str:
    """Return ``below`` or ``above``, according to which side of 1 a ratio lies on.

    If the interval of the ratio contains 1, or if there is no interval, the returned text says so.
    """
    lower, upper = row[f"{column}_lower"], row[f"{column}_upper"]
    if lower is None or upper is None:
        return "there are too few documents to say whether the difference is significant"
    if lower <= 1 <= upper:
        return "the difference is not significant"
    return below if upper < 1 else above
