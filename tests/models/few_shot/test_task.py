"""Tasks and items: which are allowed, what their rows state, and what their identity depends on."""

from __future__ import annotations

import dataclasses

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks import task as task_module
from trailhouse.models.few_shot.tasks.task import (
    PromptFormat,
    Task,
    TaskItem,
    check_item,
    check_task,
    task_item_table,
    task_record,
)

ITEM = TaskItem("q", ("a", "b", "c"), (0.0, 2.0, 2.0))
TASK = Task(
    "big:small", "Choose.", ("k",), "acc", "jsonl", "here", PromptFormat(), (ITEM, TaskItem("r", ("d", "e"), (1, 0)))
)


def refuse(pattern: str, function, *arguments) -> None:
    with pytest.raises(BadInputError, match=pattern) as caught:
        function(*arguments)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "scores", "problem"),
    [
        (("a",), (1,), r"^options: there are 1"),
        (("a", ""), (1, 0), r"^options\[1\]: the option is empty"),
        (("a", "b", "a"), (1, 0, 0), "^options: two are the same"),
        (("a", "b"), (0, 0), "^options: no option is right"),
        (("a", "b"), (-1, -2), "^options: no option is right"),
        (("a", "b"), (0.5, 0.5), "^options: all options are right"),
        (("a", "\ud800"), (1, 0), "^item: holds half a surrogate pair"),
        (("a", "b"), (1, 0), None),
        (("a", "b"), (1e-9, -1), None),
    ],
)
def test_an_item_has_different_options_of_which_some_are_right(options, scores, problem):
    item = TaskItem("q", options, scores)
    if problem is None:
        assert check_item(item, "item", "options") is item
    else:
        refuse(problem, check_item, item, "item", "options")


def test_an_item_may_have_as_many_options_as_an_int16_can_number(monkeypatch):
    assert task_module.MAXIMUM_OPTIONS == 2**15
    monkeypatch.setattr(task_module, "MAXIMUM_OPTIONS", 3)
    assert check_item(ITEM, "item", "options") is ITEM
    refuse("there are 4", check_item, TaskItem("q", ("a", "b", "c", "d"), (1, 0, 0, 0)), "item", "options")


def test_a_question_is_valid_unicode():
    refuse("^item: holds half", check_item, TaskItem("\udcff", ("a", "b"), (1, 0)), "item", "options")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"task_id": "a b"}, "'a b' is no name for a task"),
        ({"task_id": "a:"}, "is no name"),
        ({"items": ()}, "examples: the task has no items"),
        ({"description": "\ud800"}, "holds half"),
        ({"keywords": ("k", "\ud800")}, "holds half"),
        ({"prompt_format": PromptFormat(stop_string="\ud800")}, "holds half"),
    ],
)
def test_a_task_has_a_name_and_items_and_valid_texts(changes, problem):
    assert check_task(TASK, "here") is TASK
    refuse(problem, check_task, dataclasses.replace(TASK, **changes), "here")


def test_the_answer_is_the_first_of_the_options_with_the_highest_score():
    assert [item.answer for item in TASK.items] == ["b", "d"]
    assert TASK.random_accuracy == (2 / 3 + 1 / 2) / 2
    assert (TASK.option_count, TASK.parent_task_id) == (5, "big")


def test_the_rows_of_a_task_number_its_items_and_options_from_0():
    rows = task_item_table(TASK).to_pylist()
    columns = ("item_id", "option_index", "option_text", "target_score", "is_correct")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (0, 0, "a", 0.0, False), (0, 1, "b", 2.0, True), (0, 2, "c", 2.0, True),
        (1, 0, "d", 1.0, True), (1, 1, "e", 0.0, False),
    ]  # fmt: skip
    assert {row["task_sha256"] for row in rows} == {TASK.task_sha256}
    assert not any(field.nullable for field in task_item_table(TASK).schema)
    record = task_record(TASK)
    assert (record["item_count"], record["option_count"], record["keywords"]) == (2, 5, ["k"])


def test_the_identity_depends_on_the_name_the_form_and_the_items_alone():
    assert dataclasses.replace(TASK, description="x", keywords=(), source="y").task_sha256 == TASK.task_sha256
    changed = [
        dataclasses.replace(TASK, task_id="other"),
        dataclasses.replace(TASK, items=TASK.items[:1]),
        *(
            dataclasses.replace(TASK, prompt_format=dataclasses.replace(PromptFormat(), **{field.name: "x"}))
            for field in dataclasses.fields(PromptFormat)
        ),
    ]
    assert len({task.task_sha256 for task in [TASK, *changed]}) == len(changed) + 1


def test_the_defaults_of_a_prompt_are_those_of_big_bench():
    """See BIG-Bench's docs/doc.md, "Creating a JSON task"; repeats_task_prefix is our own."""
    expected = ("", "\nQ: ", "\nA: ", "\n  choice: ", True, "\n", "", False)
    assert dataclasses.astuple(PromptFormat()) == expected
