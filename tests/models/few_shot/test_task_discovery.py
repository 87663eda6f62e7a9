"""Tasks found in directories, in files, in the miniature set and in lm-evaluation-harness."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.few_shot.prompt import write_prompt
from trailhouse.models.few_shot.tasks.discovery import find_tasks, survey_tasks
from trailhouse.models.few_shot.tasks.miniature_tasks import miniature_tasks

EXAMPLE = {"input": "Is it?", "target_scores": {"yes": 1, "no": 0}}
CONTENT = {
    "task_prefix": "Answer.\n",
    "examples": [EXAMPLE, {"input": "Was it?", "target_scores": {"no": 1, "yes": 0}}],
}


def test_a_directory_gives_tasks_subtasks_and_what_was_skipped(tmp_path):
    for name in ("one", "two/easy", "two/hard", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "task.json").write_text(json.dumps(CONTENT))
    (tmp_path / "free").mkdir()
    (tmp_path / "free" / "task.json").write_text('{"examples": [{"input": "a", "target": "b"}]}')
    (tmp_path / "plain.jsonl").write_text('{"input": "x", "options": ["a", "b"], "answer": 0}')
    found = find_tasks([str(tmp_path)])
    assert [(task.task_id, task.parent_task_id) for task in found.tasks] == [
        ("one", "one"), ("plain", "plain"), ("two:easy", "two"), ("two:hard", "two")]  # fmt: skip
    assert found.skipped == [tmp_path / "free" / "task.json"]
    assert [task.task_id for task in find_tasks([str(tmp_path / "one")]).tasks] == ["one"]
    assert [task.task_id for task in find_tasks([str(tmp_path / "one" / "task.json")]).tasks] == ["one"]
    with pytest.raises(BadInputError, match="both called 'one'"):
        find_tasks([str(tmp_path), str(tmp_path / "one")])


@pytest.mark.parametrize("source", ["no/such/path", "empty", "notes.txt"])
def test_a_source_without_tasks_is_refused(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no task")
    with pytest.raises(BadInputError, match=source):
        find_tasks([source])
    with pytest.raises(UsageError, match="no tasks are given"):
        find_tasks([])


@pytest.mark.slow
def test_tasks_of_several_sources_come_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl").write_text('{"input": "x", "options": ["a", "b"], "answer": 0}')
    found = find_tasks([str(tmp_path / "b.jsonl"), "miniature", str(tmp_path / "a.jsonl")])
    assert [task.task_id for task in found.tasks] == ["a", "b", *sorted(task.task_id for task in miniature_tasks())]
    assert found.skipped == []


def test_the_task_prefix_is_repeated_only_where_asked(tmp_path):
    (tmp_path / "task.json").write_text(json.dumps(CONTENT))
    for repeat_task_prefix, expected in ((False, 1), (True, 2)):
        (task,) = find_tasks([str(tmp_path)], repeat_task_prefix=repeat_task_prefix).tasks
        assert write_prompt(task, 0, (1,), 0).count("Answer.\n") == expected


class HarnessTask:
    """A task as lm-evaluation-harness represents it; targets are an index, the text of an option, or a list."""

    OUTPUT_TYPE = "multiple_choice"
    multiple_input = 0
    eval_docs = (
        {"question": "one", "choices": ["a", "b"], "target": 1},
        {"question": "two", "choices": ["c", "d", "e"], "target": "d"},
        {"question": "three", "choices": ["f", "g", 8], "target": [0, 2]},
    )

    def __init__(self, name="cats", **changes):
        settings = {"description": "Choose.", "target_delimiter": " ", "fewshot_delimiter": "\n\n", "gen_prefix": None}
        self.config = SimpleNamespace(task=name, **settings)
        for attribute, value in changes.items():
            setattr(self, attribute, value)

    def doc_to_text(self, document):
        return document["question"]

    def doc_to_choice(self, document):
        return document["choices"]

    def doc_to_target(self, document):
        return document["target"]


def read_from_harness(monkeypatch, *tasks):
    class TaskManager:
        def load(self, names):
            assert names == ["animals"]
            return {"tasks": {task.config.task: task for task in tasks}}

    module = ModuleType("lm_eval.tasks")
    module.TaskManager = TaskManager
    monkeypatch.setitem(sys.modules, "lm_eval", ModuleType("lm_eval"))
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", module)
    return find_tasks(["lm-eval:animals"]).tasks


def test_tasks_of_the_harness_have_its_prompts_items_and_targets(monkeypatch):
    other, task = read_from_harness(monkeypatch, HarnessTask(), HarnessTask("birds"))
    assert (other.task_id, task.task_id) == ("birds", "cats")
    assert (task.format, task.source, task.preferred_metric) == ("lm-evaluation-harness", "animals", "acc")
    assert [item.input for item in task.items] == ["one", "two", "three"]
    assert [item.options for item in task.items] == [("a", "b"), ("c", "d", "e"), ("f", "g", "8")]
    assert [item.target_scores for item in task.items] == [(0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 1.0)]
    assert write_prompt(task, 1, (0,), 0) == "Choose.one b\n\ntwo "


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"OUTPUT_TYPE": "generate_until"}, "is generate_until, not multiple_choice"),
        ({"multiple_input": 2}, "multiple_input"),
        ({"eval_docs": ({"question": "x", "choices": ["a", "b"], "target": 2},)}, "document 0: the target 2"),
        ({"eval_docs": ({"question": "x", "choices": ["a", "b"], "target": -1},)}, "document 0: the target -1"),
        ({"eval_docs": ({"question": "x", "choices": ["a", "b"], "target": []},)}, "document 0: the target"),
        ({"eval_docs": ({"question": "x", "choices": ["a", "b"], "target": "c"},)}, "document 0: the target 'c'"),
        ({"eval_docs": ({"question": "x", "choices": ["a"], "target": 0},)}, "document 0, options: there are 1"),
    ],
)
def test_a_task_of_the_harness_that_cannot_be_evaluated_is_refused(monkeypatch, changes, problem):
    with pytest.raises(BadInputError, match=problem):
        read_from_harness(monkeypatch, HarnessTask(**changes))


def test_a_prefix_of_generated_answers_is_refused(monkeypatch):
    task = HarnessTask()
    task.config.gen_prefix = "So:"
    with pytest.raises(BadInputError, match="gen_prefix"):
        read_from_harness(monkeypatch, task)


def test_a_missing_harness_is_named_with_its_hint():
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match="not installed"):
            find_tasks(["lm-eval:piqa"])
    else:
        with pytest.raises(BadInputError, match="cannot load"):
            find_tasks(["lm-eval:no_such_task_anywhere"])


def test_the_miniature_tasks_are_of_one_size_from_held_out_text_and_have_one_right_option():
    tasks = miniature_tasks()
    assert len(tasks) == 5
    assert all(len(task.items) == 60 for task in tasks)
    for task in tasks:
        assert all(sorted(item.target_scores)[-2:] == [0.0, 1.0] for item in task.items)
        assert len({item.input for item in task.items}) > 50
    miniature_tasks.cache_clear()
    assert [task.task_sha256 for task in miniature_tasks()] == [task.task_sha256 for task in tasks]


def test_a_broken_file_does_not_hide_the_tasks_beside_it(tmp_path):
    (tmp_path / "good.jsonl").write_text('{"input": "a", "options": ["x", "y"], "answer": 0}\n')
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "task.json").write_text('{"examples": [')
    (tmp_path / "worse.jsonl").write_text('{"input": "a", "options": ["x", "y"], "answer": 2}\n')
    found = survey_tasks([str(tmp_path)])
    assert [task.task_id for task in found.tasks] == ["good"]
    assert [error.message.split(":")[0] for error in found.broken] == [
        f"{tmp_path / 'bad' / 'task.json'}",
        f"{tmp_path / 'worse.jsonl'}, row 1, answer",
    ]
    with pytest.raises(BadInputError, match=r"bad/task\.json"):
        find_tasks([str(tmp_path)])
    (tmp_path / "good.jsonl").unlink()
    with pytest.raises(BadInputError, match=r"bad/task\.json"):
        survey_tasks([str(tmp_path)])
