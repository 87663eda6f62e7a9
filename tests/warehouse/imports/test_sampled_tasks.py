"""Tasks that are reconstructed from samples files: which items agree, and what adding items changes in a task."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from trailhouse.warehouse.imports.json_files import JsonField
from trailhouse.warehouse.imports.lm_eval.sampled_tasks import (
    begin_task,
    read_sampled_task,
    task_item_rows,
    task_record,
)
from trailhouse.warehouse.imports.lm_eval.samples_files import SampledItem, SampledOption, SampleSettings
from trailhouse.warehouse.loading.evaluation_ledger import load_task

SETTINGS = SampleSettings("piqa", "1", 0, 0, "multiple_choice", "Say it.", " ", "\n\n")


def item(item_id: int, *texts: str, correct: int = 0) -> SampledItem:
    options = tuple(SampledOption(text, "", text, -1.0, None, index == correct) for index, text in enumerate(texts))
    return SampledItem(JsonField(Path("s.jsonl"), "", None), item_id, f"question {item_id}", options)


def test_an_exchanged_question_is_a_difference_and_one_with_fewer_exemplars_before_it_is_none():
    task = begin_task(SETTINGS, [item(1, "yes", "no"), item(2, "yes", "no")])
    exchanged = replace(item(1, "yes", "no"), question="question 2")
    assert task.find_difference("1", [item(2, "yes", "no"), exchanged]) is exchanged
    for question in ("2", "an exemplar\n\nquestion 2"):
        assert task.find_difference("1", [replace(item(2, "yes", "no"), question=question)]) is None


def test_items_agree_if_their_options_and_the_correct_one_are_equal():
    task = begin_task(SETTINGS, [item(1, "a", "b"), item(2, "c", "d", correct=1)])
    same, new = item(2, "c", "d", correct=1), item(3, "e", "f")
    assert task.find_difference("1", [same, new]) is None
    for changed in (item(2, "c", "x", correct=1), item(2, "c", "d", correct=0), item(2, "c", "d", "e", correct=1)):
        assert task.find_difference("1", [item(1, "a", "b"), changed]) is changed
    assert task.find_difference("2", [same, new]) is same


def test_a_task_with_further_items_has_all_of_them_and_keeps_its_identity():
    task = begin_task(SETTINGS, [item(1, "a", "b")])
    joined = task.join([item(1, "a", "b"), item(2, "c", "d")])
    assert joined.task_sha256 == task.task_sha256
    assert list(joined.contents.items()) == [(1, (("a", True), ("b", False))), (2, (("c", True), ("d", False)))]
    assert joined.questions == {1: "question 1", 2: "question 2"}


def test_tasks_that_differ_have_different_identities():
    identities = {
        begin_task(SETTINGS, items).task_sha256
        for items in ([item(1, "a", "b")], [item(2, "a", "b")], [item(1, "a", "c")], [item(1, "a", "b", correct=1)])
    }
    assert len(identities) == 4


def test_a_stored_task_is_read_back_with_its_items_in_order(client):
    task = begin_task(SETTINGS, [item(2, "c", "d", correct=1), item(1, "a", "b")])
    other = begin_task(SampleSettings("arc", "1", 0, 0, None, "", " ", "\n\n"), [item(1, "x", "y")])
    for stored in (task, other):
        rows = task_item_rows(stored)
        load_task(client, task_record(stored, SETTINGS), pa.Table.from_pylist(rows))
    assert [(row["item_id"], row["option_index"]) for row in task_item_rows(task)] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert read_sampled_task(client, "lm-eval/piqa") == task
    assert read_sampled_task(client, "lm-eval/none") is None
