"""The mart of the audit: the latest finished audit of a suite, and outliers of the perplexity."""

import datetime
import uuid
from functools import partial

import numpy as np
import pytest

SCORES = {0: -8.0, 10: -6.0, 20: -6.5, 30: -5.0, 40: -5.05}

# By step: what three audits (the first, the second, and one that is interrupted) say about the values of the weights.
# The letters at the end stand for the hash of the weights that each audit saw.
VALUES = {
    0: (("wrong", "unchecked", "ok"), "aaa"),
    10: (("wrong", "unchecked", "ok"), "abb"),
    20: (("wrong", "ok", "wrong"), "aaa"),
    30: (("wrong", "unchecked", "unchecked"), "aaa"),
    40: (("unchecked", "unchecked", "wrong"), "aaa"),
}


@pytest.fixture(scope="module")
def built(warehouse):
    """A model whose loss rises from step 10 to step 20. It has two finished audits and an interrupted one."""
    warehouse.add_corpus("books", {0: 5})
    warehouse.add_model("ours/base", [*SCORES, 99], planned_steps=100)
    tokens = [(0, position) for position in range(1, 5)]
    warehouse.score("ours/base", "books", dict.fromkeys(tokens, SCORES))
    for number, message in ((1, "first"), (2, "second"), (3, "interrupted")):
        run = uuid.UUID(int=number)
        enter = partial(
            warehouse.insert, "raw_checkpoint_audit", audit_run_id=run, suite_id="ours", model_id="ours/base"
        )
        for step in SCORES:
            enter(
                step=step,
                check_name="duplicate",
                status="wrong" if step == 40 else "ok",
                message=message,
            )
        for step, (found, weights) in VALUES.items():
            enter(
                step=step,
                check_name="values",
                status=found[number - 1],
                weights_sha256=weights[number - 1] * 64,
            )
            enter(
                step=step,
                check_name="declaration",
                status="known" if (step, number) == (30, 2) else "ok",
                weights_sha256=weights[number - 1] * 64,
            )
        if number < 3:
            audited_at = datetime.datetime(2026, 1, number, tzinfo=datetime.UTC)
            warehouse.insert("raw_audit_run", audit_run_id=run, suite_id="ours", audited_at=audited_at)
    warehouse.dbt("build", "--indirect-selection", "cautious", "--select", "+fct_checkpoint_audit")
    return warehouse


def test_the_latest_finished_audit_counts(built):
    rows = built.rows(
        "select step, status, is_wrong, message, checkpoint_id from fct_checkpoint_audit"
        " where check_name = 'duplicate' order by step"
    )
    assert rows == [
        (step, "wrong" if step == 40 else "ok", step == 40, "second", f"ours/base@{step}") for step in SCORES
    ]


def test_an_unchecked_value_keeps_the_last_result_for_the_same_weights(built):
    rows = built.rows("select step, status from fct_checkpoint_audit where check_name = 'values' order by step")
    assert rows == [(0, "wrong"), (10, "unchecked"), (20, "ok"), (30, "known"), (40, "unchecked")]


def test_outliers_are_those_outside_the_span_of_their_neighbours(built):
    steps, losses = list(SCORES), -np.array(list(SCORES.values()))
    expected = {steps[0]: "unchecked"}
    for index in range(1, len(steps)):
        neighbours = losses[[index - 1, *([index + 1] if index + 1 < len(steps) else [])]]
        below = neighbours.min() - losses[index] if len(neighbours) == 2 else 0.0
        expected[steps[index]] = "wrong" if max(losses[index] - neighbours.max(), below) >= 0.1 else "ok"
    rows = built.rows("select step, status from fct_checkpoint_audit where check_name = 'perplexity'")
    assert dict(rows) == expected
    assert expected == {0: "unchecked", 10: "wrong", 20: "wrong", 30: "ok", 40: "ok"}
