"""Checks every model type of transformers, and writes the outcomes to a page: ``make families``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.models.families.family_check import HALF_PRECISION_TOLERANCE, TOLERANCE_NATS, Verdict, check_family
from tests.models.families.outcomes import NOT_TRIED, REFUSED, find_surprise, list_tried_types
from tests.support.architectures import CONTEXT_LENGTH

# The page states the smallest of these bounds that a difference does not exceed, so that every machine writes the same
BOUNDS_NATS = (1e-5, 1e-4, TOLERANCE_NATS)
BOUNDS_SHARES = (0.05, HALF_PRECISION_TOLERANCE)
FRACTION = re.compile(r"-?\d+\.\d{4}")
INTRODUCTION = """\
# Model families

This page is written by `make families`, with transformers {transformers} and torch {torch}. Do not edit it.

transformers has {type_count} types of causal language models. Of every type, `make families` builds a tiny model with
random weights, saves it with a tokenizer, and scores and evaluates it as the commands do, with the default number of
scores that are computed again. The tokenizer puts a BOS token before every text. Texts differ in length and share
batches, and the longest ones have several windows of {context_length} tokens. The reference is a loop: one forward pass
for each token, of one sequence, without batches and caches, with the log-softmax in float64. The suite states
`tokenizer_rules: file`, because transformers replaces the rules of this tokenizer for Qwen2 and Qwen3.5.

| outcome | types | meaning |
|---|---|---|
| right | {right_count} | All scores of tokens and options differ from the reference by at most {tolerance:g} nats |
| refused | {refused_count} | No score is stored, and the reason is one line |
| not tried | {not_tried_count} | No model is built, for the reason given |

With bfloat16 weights, the mean difference of the scores from the float32 reference is at most {share:g} standard
deviations of the reference. For scores of other positions, it would be about one.

A type is checked with its default settings and small sizes. Types that are causal only with a certain setting have it:
`is_decoder` (BERT and its relatives), `causal` (XLM), `attn_type: uni` (XLNet). Without it, they are refused.
"""


def main(path: Path) -> int:
    """Check all types and write the page. Returns 1 if an outcome is not the declared one, and otherwise 0."""
    verdicts = []
    for model_type in list_tried_types():
        verdict = check_family(model_type)
        verdicts.append(verdict)
        sys.stdout.write(f"{verdict.outcome:8} {model_type:30} {verdict.seconds:5.1f} s  {verdict.reason}\n")
        sys.stdout.flush()
    surprises = [find_surprise(verdict) for verdict in verdicts]
    surprises = [surprise for surprise in surprises if surprise]
    if surprises:
        sys.stderr.write(
            "\n".join(["the page is not written, because outcomes are not the declared ones:", *surprises])
        )
        sys.stderr.write("\n")
        return 1
    path.write_text(write_page(verdicts))
    return 0


def write_page(verdicts: Sequence[Verdict]) -> str:
    """Return the text of docs/reference/families.md, which lists every model type with its outcome."""
    right = [verdict for verdict in verdicts if verdict.outcome == "right"]
    refused = [verdict for verdict in verdicts if verdict.outcome == "refused"]
    introduction = INTRODUCTION.format(
        transformers=version("transformers"),
        torch=version("torch").partition("+")[0],
        type_count=len(verdicts) + len(NOT_TRIED),
        context_length=CONTEXT_LENGTH,
        right_count=len(right),
        refused_count=len(refused),
        not_tried_count=len(NOT_TRIED),
        tolerance=TOLERANCE_NATS,
        share=HALF_PRECISION_TOLERANCE,
    )
    refusals = _write_table(("type", "message", "explanation"), (_describe_refusal(verdict) for verdict in refused))
    not_tried = _write_table(("type", "reason"), ((f"`{name}`", why) for name, why in sorted(NOT_TRIED.items())))
    columns = (
        "type",
        "tokens: largest difference (nats)",
        "options: largest difference (nats)",
        "bfloat16: mean difference (standard deviations)",
    )
    return "\n".join(
        [
            introduction,
            "## Refused",
            refusals,
            "## Not tried",
            not_tried,
            "## Right",
            _write_table(columns, (_describe(verdict) for verdict in right)),
        ]
    )


def _describe(verdict: Verdict) -> tuple[str, ...]:
    share = _find_bound(verdict.half_precision_share, BOUNDS_SHARES)
    return (
        f"`{verdict.model_type}`",
        _find_bound(verdict.score_difference_nats, BOUNDS_NATS),
        _find_bound(verdict.option_difference_nats, BOUNDS_NATS),
        f"refused: {verdict.half_precision_refusal}" if verdict.half_precision_refusal else share,
    )


def _describe_refusal(verdict: Verdict) -> tuple[str, ...]:
    message = FRACTION.sub("…", verdict.reason)  # the last digits differ between machines
    return f"`{verdict.model_type}`", message, REFUSED[verdict.model_type].explanation


def _find_bound(value: float, bounds: Sequence[float]) -> str:
    return next((f"≤ {bound:g}" for bound in bounds if value <= bound), "")


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
