"""The evaluation ledger: an evaluation is complete once all of its scores are stored."""

import uuid
from dataclasses import replace

import pyarrow as pa
import pytest

from trailhouse.warehouse.loading import evaluation_ledger
from trailhouse.warehouse.loading.evaluation_ledger import (
    Evaluation,
    EvaluationScores,
    load_evaluations,
    load_task,
    read_evaluation_keys,
    read_latest_evaluation,
)

FIRST = Evaluation("s/m", 5, "it's", 2, 7, "a" * 64, "b" * 64, "tokenizer", {"dtype": "float32"})
# Each differs from FIRST in one column of the ledger key
NEIGHBOURS = [
    replace(FIRST, task_id="other"),
    replace(FIRST, shot_count=3),
    replace(FIRST, seed=8),
]
OTHER_CHECKPOINTS = [replace(FIRST, model_id="s/n"), replace(FIRST, step=6), replace(FIRST, model_id="s2/m")]


def score(evaluation: Evaluation, log_prob_nats: float = -1.0, option_count: int = 2) -> EvaluationScores:
    """Return scores of one item: the given log-probability, and 1 nat less for every further option."""
    rows = [
        {
            "task_id": evaluation.task_id,
            "shot_count": evaluation.shot_count,
            "seed": evaluation.seed,
            "item_id": 0,
            "option_index": index,
            "log_prob_nats": log_prob_nats - index,
            "token_count": 1,
        }
        for index in range(option_count)
    ]
    return EvaluationScores(evaluation, pa.RecordBatch.from_pylist(rows), 0.5)


def load(client, *evaluations, **scores) -> None:
    load_evaluations(client, [score(evaluation, **scores) for evaluation in evaluations], uuid.uuid4())


def read_scores(client) -> list[tuple]:
    return client.query(
        "select model_id, step, task_id, shot_count, seed, groupArray(log_prob_nats) from"
        " (select * from raw_option_score order by option_index) group by all order by all"
    ).result_rows


def test_evaluations_are_added_to_those_of_the_same_checkpoint_and_of_others(client):
    load(client, FIRST)
    for other in OTHER_CHECKPOINTS:
        load(client, other)
    assert load_evaluations(client, [score(one) for one in NEIGHBOURS], uuid.uuid4()) == 6
    everything = [FIRST, *NEIGHBOURS, *OTHER_CHECKPOINTS]
    assert read_scores(client) == sorted((*one.ledger_key, [-1.0, -2.0]) for one in everything)
    in_suite = [one for one in everything if one.model_id.startswith("s/")]
    assert read_evaluation_keys(client, "s") == {one.ledger_key: one.evaluation_key for one in in_suite}
    assert set(read_evaluation_keys(client, "s", ("s/m", 5))) == {one.ledger_key for one in (FIRST, *NEIGHBOURS)}
    assert set(read_evaluation_keys(client, "s", ("s/m", 6))) == {OTHER_CHECKPOINTS[1].ledger_key}


def test_an_evaluation_that_is_loaded_again_replaces_its_own_scores_alone(client):
    load(client, FIRST, *NEIGHBOURS)
    changed = replace(FIRST, weights_sha256="c" * 64)
    load(client, changed, log_prob_nats=-9.0, option_count=3)
    scores = {row[:5]: row[5] for row in read_scores(client)}
    assert scores.pop(FIRST.ledger_key) == [-9.0, -10.0, -11.0]
    assert scores == {one.ledger_key: [-1.0, -2.0] for one in NEIGHBOURS}
    assert read_evaluation_keys(client, "s")[FIRST.ledger_key] == changed.evaluation_key


def test_an_evaluation_that_lost_some_of_its_scores_is_not_complete(client):
    load(client, FIRST, *NEIGHBOURS)
    client.command("delete from raw_option_score where task_id = 'other' and option_index = 1")
    lost = NEIGHBOURS[0].ledger_key
    assert set(read_evaluation_keys(client, "s")) == {one.ledger_key for one in (FIRST, *NEIGHBOURS)} - {lost}


def test_an_evaluation_is_not_complete_while_its_scores_are_replaced(client, monkeypatch):
    def fail(*_):
        raise InterruptedError

    load(client, FIRST, *NEIGHBOURS)
    monkeypatch.setattr(evaluation_ledger, "replace_partition", fail)
    with pytest.raises(InterruptedError):
        load(client, FIRST)
    assert set(read_evaluation_keys(client, "s")) == {one.ledger_key for one in NEIGHBOURS}


def test_evaluations_of_several_checkpoints_are_refused(client):
    for other in OTHER_CHECKPOINTS:
        with pytest.raises(ValueError, match="several checkpoints"):
            load(client, FIRST, other)
    assert read_scores(client) == []


def test_the_ledger_row_says_what_was_evaluated(client):
    run_id = uuid.uuid4()
    assert read_latest_evaluation(client) is None
    load_evaluations(client, [score(FIRST, option_count=4)], run_id)
    assert read_latest_evaluation(client) is not None
    rows = client.query(
        "select toString(weights_sha256), toString(task_sha256), tokenizer_id, settings, option_count, scoring_run_id,"
        " duration_seconds from raw_evaluation_ledger final"
    ).result_rows
    assert rows == [("a" * 64, "b" * 64, "tokenizer", '{"dtype":"float32"}', 4, run_id, 0.5)]


@pytest.mark.parametrize(
    "changed",
    [
        {"shot_count": 3},
        {"seed": 8},
        {"weights_sha256": "c" * 64},
        {"task_sha256": "c" * 64},
        {"tokenizer_id": "another"},
        {"settings": {"dtype": "bfloat16"}},
    ],
)
def test_evaluations_that_differ_in_what_decides_a_score_have_different_keys(changed):
    assert replace(FIRST, **changed).evaluation_key != FIRST.evaluation_key


def test_equal_settings_in_another_order_have_one_key():
    one, two = (replace(FIRST, settings=settings) for settings in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert one.evaluation_key == two.evaluation_key


def task_record(task_id: str, digit: str, description: str = "") -> dict[str, object]:
    return {"task_id": task_id, "description": description, "task_sha256": digit * 64}


def task_items(digit: str, count: int) -> pa.Table:
    rows = [{"item_id": index, "option_text": f"{digit}{index}", "task_sha256": digit * 64} for index in range(count)]
    return pa.Table.from_pylist(rows)


def test_a_task_is_written_once_and_again_when_it_changes(client):
    assert load_task(client, task_record("one", "a"), task_items("a", 2))
    assert load_task(client, task_record("two", "a"), task_items("a", 3))
    assert not load_task(client, task_record("one", "a"), task_items("a", 2))
    assert load_task(client, task_record("one", "a", "described"), task_items("a", 2))
    assert load_task(client, task_record("one", "b", "described"), task_items("b", 2))
    assert load_task(client, task_record("one", "b", "described"), task_items("b", 5))
    assert load_task(client, task_record("one", "b", "described"), task_items("b", 4))
    items = client.query("select task_id, groupArray(option_text) from raw_task_item group by task_id order by task_id")
    assert items.result_rows == [("one", ["b0", "b1", "b2", "b3"]), ("two", ["a0", "a1", "a2"])]
    tasks = client.query("select task_id, description from raw_task final order by task_id").result_rows
    assert tasks == [("one", "described"), ("two", "")]
