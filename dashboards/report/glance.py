"""The facts that stand first in a report: each is one number with what it means."""

from __future__ import annotations

from dataclasses import dataclass

from trailhouse.dashboards.report.findings import Findings
from trailhouse.dashboards.report.number_texts import TIMES, write_number, write_percent, write_range, write_ratio


@dataclass(frozen=True)
class Fact:
    """A number with a title, what it means, and ``good``, ``bad`` or no verdict."""

    title: str
    value: str
    detail: str
    verdict: str = ""


def list_facts(findings: Findings) -> list[Fact]:
    """Return the facts that the warehouse holds: perplexity, standing, forgetting, checkpoints."""
    facts = (
        state_perplexity(findings),
        state_standing(findings),
        state_forgetting(findings),
        state_checkpoints(findings),
    )
    return [fact for fact in facts if fact is not None]


def state_perplexity(findings: Findings) -> Fact | None:
    """Return the perplexity of the last checkpoint."""
    rows = [row for row in findings.perplexities[0].list_rows() if row["model_id"] == findings.model_id]
    if not rows:
        return None
    last, name = rows[-1], findings.names[findings.model_id]
    lower, upper = last["perplexity_lower"], last["perplexity_upper"]
    bounds = write_range(lower, upper)
    return Fact("Perplexity now", write_number(last["perplexity"]), f"{name} at step {last['step']:,}{bounds}")


def state_standing(findings: Findings) -> Fact | None:
    """Return how the model compares at equal compute with the largest reference model."""
    rows = findings.equal_compute.list_rows()
    if not rows:
        return None
    row, other = rows[0], findings.names[rows[0]["reference_model_id"]]
    lower, upper = row["perplexity_ratio_lower"], row["perplexity_ratio_upper"]
    is_known = lower is not None and not lower <= 1 <= upper
    verdict = ("good" if upper < 1 else "bad") if is_known else ""
    word = {"good": "ahead of", "bad": "behind"}.get(verdict, "not distinguishable from")
    ratio = f"{write_ratio(row['perplexity_ratio'], lower, upper)} {TIMES}"
    bounds = write_range(lower, upper, lambda end: write_ratio(end, lower, upper))
    return Fact(
        "At equal compute",
        ratio,
        f"the perplexity of {other}{bounds}: {word} it",
        verdict,
    )


def state_forgetting(findings: Findings) -> Fact | None:
    """Return the share of tokens that the model forgets, beside chance."""
    for row in findings.trend_shares.list_rows():
        is_wanted = row["category"] == "upward" and row["start_percent"] == findings.start_percent
        if row["model_id"] == findings.model_id and is_wanted:
            chance = row["percent_after_permutation"]
            beside = "" if chance is None else f", where chance gives {write_percent(chance)}"
            detail = f"of tokens, from {row['start_percent']} % of training on{beside}"
            return Fact("Being forgotten", write_percent(row["token_percent"]), detail)
    return None


def state_checkpoints(findings: Findings) -> Fact | None:
    """Return how many checkpoints are scored, and what the audit found."""
    rows = findings.states.list_rows()
    if not rows:
        return None
    found, done = (sum(row[name] for row in rows) for name in ("checkpoint_count", "in_marts_count"))
    wrong = {(row["model_id"], row["step"]) for row in findings.wrong_checkpoints.list_rows()}
    audit = "not audited yet" if not findings.is_audited else "nothing wrong by the audit"
    detail = f"checkpoints scored, {f'{len(wrong)} wrong by the audit' if wrong else audit}"
    verdict = "bad" if wrong or done < found else "good" if findings.is_audited else ""
    return Fact("Checkpoints", f"{done:,} of {found:,}", detail, verdict)
