"""Marts never mix scores with several beginnings of texts, and count what they leave out."""

from __future__ import annotations

import math
import uuid

import pytest

STEPS = [0, 10, 20]
LENGTH = 5
# By model and step, the token that stands before every text. The steps are in the order in which they were scored.
SCORED = {
    "s/plain": {0: None, 10: None, 20: None},
    "s/begun": {0: None, 10: 1, 20: 1},
    "s/back": {10: 1, 20: 1, 0: None},
}
SELECTION = ("+fct_validation_perplexity_by_checkpoint", "+fct_text_beginning_by_model", "+fct_pipeline_health")


def log_prob(model_id: str, position: int, step: int) -> float:
    """Return a synthetic score that a float32 holds exactly."""
    return -(1 + len(model_id) / 4 + position / 64 + step / 256)


def perplexity(model_id: str, step: int, positions: range) -> float:
    return math.exp(-math.fsum(log_prob(model_id, position, step) for position in positions) / len(positions))


def score(warehouse, model_id: str, corpus_id: str, step: int, token_id: int | None) -> None:
    positions = range(1 if token_id is None else 0, LENGTH)
    rows = [(0, position, log_prob(model_id, position, step)) for position in positions]
    beginning = {} if token_id is None else {"text_beginning_token_ids": [token_id], "text_beginning_text": "<s>"}
    warehouse.score_checkpoint(model_id, corpus_id, step, rows, **beginning)


@pytest.fixture(scope="module")
def built(warehouse):
    """Three models on the corpus `mixed`, and one of them alone on the corpus `alone`."""
    for corpus_id in ("mixed", "alone"):
        warehouse.add_corpus(corpus_id, {0: LENGTH})
    for model_id, beginnings in SCORED.items():
        warehouse.add_model(model_id, STEPS, planned_steps=20)
        for step, token_id in beginnings.items():
            score(warehouse, model_id, "mixed", step, token_id)
    for step in (10, 20):
        score(warehouse, "s/begun", "alone", step, 1)
    warehouse.build(*SELECTION)
    return warehouse


def read_perplexities(built, corpus_id: str) -> dict[tuple[str, int], tuple[int, float]]:
    rows = built.rows(
        "select model_id, step, score_count, perplexity from fct_validation_perplexity_by_checkpoint"
        f" where corpus_id = '{corpus_id}'"
    )
    return {(model_id, step): (count, value) for model_id, step, count, value in rows}


def test_a_series_has_the_checkpoints_with_the_beginning_of_the_latest_one(built):
    used = {("s/plain", 0), ("s/plain", 10), ("s/plain", 20), ("s/begun", 10), ("s/begun", 20), ("s/back", 0)}
    assert set(read_perplexities(built, "mixed")) == used


def test_models_are_compared_on_the_positions_that_all_of_them_score(built):
    for (model_id, step), (count, value) in read_perplexities(built, "mixed").items():
        assert count == LENGTH - 1
        assert value == pytest.approx(perplexity(model_id, step, range(1, LENGTH)), rel=1e-12)


def test_first_tokens_count_where_all_models_score_them(built):
    found = read_perplexities(built, "alone")
    assert {key: count for key, (count, _) in found.items()} == {("s/begun", 10): LENGTH, ("s/begun", 20): LENGTH}
    for (model_id, step), (_, value) in found.items():
        assert value == pytest.approx(perplexity(model_id, step, range(LENGTH)), rel=1e-12)


def test_what_is_left_out_is_counted(built):
    rows = built.rows(
        "select model_id, corpus_id, run_kind, text_beginning_text, current_count, left_out_count"
        " from fct_text_beginning_by_model order by all"
    )
    assert rows == [
        ("s/back", "mixed", "scoring", "", 1, 2),
        ("s/begun", "alone", "scoring", "<s>", 2, 0),
        ("s/begun", "mixed", "scoring", "<s>", 2, 1),
        ("s/plain", "mixed", "scoring", "", 3, 0),
    ]
    states = built.rows(
        "select model_id, step from fct_pipeline_health where pipeline_state = 'other beginning' order by all"
    )
    assert states == [("s/back", 10), ("s/back", 20), ("s/begun", 0)]


def test_first_tokens_are_left_out_as_soon_as_a_model_without_them_is_scored_on_the_corpus(built):
    score(built, "s/plain", "alone", 20, None)
    built.build(*SELECTION)
    found = read_perplexities(built, "alone")
    assert {key: count for key, (count, _) in found.items()} == {
        ("s/begun", 10): LENGTH - 1,
        ("s/begun", 20): LENGTH - 1,
        ("s/plain", 20): LENGTH - 1,
    }


def add_evaluation(warehouse, model_id: str, step: int, task_id: str, number: int, **beginning) -> None:
    warehouse.insert(
        "raw_evaluation_ledger",
        model_id=model_id,
        step=step,
        task_id=task_id,
        shot_count=0,
        seed=0,
        evaluation_key=f"{number:064d}",
        task_sha256="b" * 64,
        scoring_run_id=uuid.UUID(int=1),
        is_complete=True,
        evaluated_at=f"2026-01-01 00:00:0{number}",
        **beginning,
    )


def test_evaluations_with_another_beginning_than_the_latest_are_left_out_and_counted(built):
    """Imported scores have an unknown beginning. They belong to tasks of their own and are not left out."""
    for task_id in ("own", "imported"):
        built.insert("raw_task", task_id=task_id, parent_task_id=task_id, task_sha256="b" * 64)
    begun = {"text_beginning_kind": "tokenizer", "text_beginning_token_ids": [1], "text_beginning_text": "<s>"}
    add_evaluation(built, "s/begun", 0, "own", 1)
    add_evaluation(built, "s/begun", 10, "own", 2, **begun)
    add_evaluation(built, "s/begun", 20, "own", 3, **begun)
    add_evaluation(built, "s/begun", 20, "imported", 4, settings='{"harness":"lm-evaluation-harness"}')
    built.dbt("run", "--select", "+int_evaluation_fingerprint", "fct_text_beginning_by_model")
    current = built.rows("select step, task_id from stg_tasks__evaluation where is_current order by all")
    assert current == [(10, "own"), (20, "imported"), (20, "own")]
    assert built.rows("select model_id, evaluation_count from int_evaluation_fingerprint") == [("s/begun", 3)]
    counted = "select text_beginning_text, current_count, left_out_count from fct_text_beginning_by_model"
    assert built.rows(f"{counted} where run_kind = 'evaluation'") == [("<s>", 2, 1)]
