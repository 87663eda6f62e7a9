"""Tasks read from BIG-Bench's JSON and from JSONL: every field is read, and every mistake is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.prompt import write_prompt
from trailhouse.models.few_shot.tasks.bigbench import read_bigbench_task
from trailhouse.models.few_shot.tasks.jsonl import read_jsonl_task
from trailhouse.models.few_shot.tasks.task import PromptFormat, TaskItem, task_item_table, task_record

EXAMPLE = {"input": "Is it?", "target_scores": {"yes": 1, "no": 0}}
CONTENT = {
    "name": "a task",
    "description": "Ask.",
    "keywords": ["one", "two"],
    "metrics": ["multiple_choice_grade"],
    "preferred_score": "multiple_choice_grade",
    "task_prefix": "Answer.\n",
    "example_input_prefix": "Q: ",
    "example_output_prefix": "\nA: ",
    "choice_prefix": "\n- ",
    "append_choices_to_input": False,
    "few_shot_example_separator": "\n\n",
    "stop_string": ".",
    "examples": [EXAMPLE, {"input": "Was it?", "target_scores": {"no": 1.0, "yes": 0.0}, "comment": "x"}],
}


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Write content to a task.json; returns its path."""
    directory = tmp_path_factory.mktemp("task")

    def write_file(content: object):
        path = directory / "task.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write_file


def test_every_field_of_a_task_file_is_read(write):
    task = read_bigbench_task(write(CONTENT), "name")
    assert task.prompt_format == PromptFormat(
        task_prefix="Answer.\n", example_input_prefix="Q: ", example_output_prefix="\nA: ", choice_prefix="\n- ",
        append_choices_to_input=False, few_shot_example_separator="\n\n", stop_string=".",
    )  # fmt: skip
    assert (task.description, task.keywords, task.preferred_metric) == ("Ask.", ("one", "two"), "multiple_choice_grade")
    assert task.items == (TaskItem("Is it?", ("yes", "no"), (1.0, 0.0)), TaskItem("Was it?", ("no", "yes"), (1.0, 0.0)))
    rows = task_item_table(task).to_pylist()
    assert [(r["item_id"], r["option_index"], r["option_text"], r["is_correct"]) for r in rows] == [
        (0, 0, "yes", True), (0, 1, "no", False), (1, 0, "no", True), (1, 1, "yes", False)]  # fmt: skip


def test_absent_fields_have_the_defaults_of_big_bench(write):
    assert read_bigbench_task(write({"examples": [EXAMPLE]}), "name").prompt_format == PromptFormat()


def test_a_task_that_asks_for_free_text_is_skipped(write):
    assert read_bigbench_task(write({"examples": [{"input": "1 + 1 =", "target": "2"}]}), "name") is None


def test_the_hash_of_a_task_changes_with_all_that_shapes_a_prompt_and_with_nothing_else(write):
    def identify(**changes):
        return read_bigbench_task(write({**CONTENT, **changes}), "name").task_sha256

    assert identify(description="Other.", keywords=[], name="x") == identify()
    changed = [
        identify(task_prefix="x"), identify(example_input_prefix="x"), identify(example_output_prefix="x"),
        identify(append_choices_to_input=True), identify(few_shot_example_separator="x"),
        identify(examples=[EXAMPLE]), identify(examples=CONTENT["examples"][::-1]),
    ]  # fmt: skip
    assert len({identify(), *changed}) == len(changed) + 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"examples": "none"}, "examples"),
        ({"examples": []}, "examples"),
        ({"examples": [{"target_scores": {"a": 1, "b": 0}}]}, "examples[0].input"),
        ({"examples": [EXAMPLE, {"input": 3, "target_scores": {"a": 1, "b": 0}}]}, "examples[1].input"),
        ({"examples": [EXAMPLE, {"input": "x"}]}, "examples[1].target_scores"),
        ({"examples": [{"input": "x", "target_scores": {"a": "1", "b": 0}}]}, "examples[0].target_scores.a"),
        ({"examples": [{"input": "x", "target_scores": {"a": 1}}]}, "examples[0].target_scores"),
        ({"examples": [{"input": "x", "target_scores": {"": 1, "b": 0}}]}, "examples[0].target_scores[0]"),
        ({"examples": [EXAMPLE, {"input": "x", "target_scores": {"a": 1, "b": 1}}]}, "examples[1].target_scores: all"),
        ({"examples": [EXAMPLE, {"input": "x", "target_scores": {"a": 0, "b": 0}}]}, "examples[1].target_scores: no "),
        ({"examples": [EXAMPLE, {"input": "x", "target_scores": {"a": -1, "b": 0}}]}, "examples[1].target_scores: no "),
        ({"task_prefix": 7}, "task_prefix"),
        ({"append_choices_to_input": "no"}, "append_choices_to_input"),
        ({"keywords": "all"}, "keywords"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_field(write, change, field):
    path = write({**CONTENT, **change})
    with pytest.raises(BadInputError) as raised:
        read_bigbench_task(path, "name")
    assert str(path) in raised.value.message
    assert field in raised.value.message


def test_a_repeated_name_is_refused(write):
    rows = (
        '{"input": "x", "target_scores": {"a": 1, "b": 0}}, {"input": "y", "target_scores": {"a": 1, "b": 0, "a": 0}}'
    )
    path = write(f'{{"examples": [{rows}]}}'.encode())
    with pytest.raises(BadInputError, match=r"examples\[1\]\.target_scores: 'a' occurs twice"):
        read_bigbench_task(path, "name")


def test_several_options_may_be_correct_if_one_is_wrong(write):
    scores = {"a": 1, "b": 0, "c": 1, "d": 0.5}
    task = read_bigbench_task(write({"examples": [{"input": "x", "target_scores": scores}]}), "name")
    assert [row["is_correct"] for row in task_item_table(task).to_pylist()] == [True, False, True, False]
    assert task.random_accuracy == 0.5


def test_null_means_that_a_field_is_absent(write):
    fields = ("task_prefix", "choice_prefix", "append_choices_to_input", "stop_string")
    content = {"examples": [EXAMPLE], **dict.fromkeys(fields)}
    assert read_bigbench_task(write(content), "name").prompt_format == PromptFormat()


def test_a_file_may_begin_with_a_byte_order_mark_and_must_be_readable_and_not_too_large(write, monkeypatch, tmp_path):
    content = b"\xef\xbb\xbf" + json.dumps(CONTENT).encode()
    assert len(read_bigbench_task(write(content), "name").items) == 2
    monkeypatch.setattr("trailhouse.models.few_shot.tasks.json_validation.MAXIMUM_FILE_BYTES", len(content))
    assert len(read_bigbench_task(write(content), "name").items) == 2
    with pytest.raises(BadInputError, match="larger than"):
        read_bigbench_task(write(content + b" "), "name")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_bigbench_task(tmp_path, "name")


def test_a_task_without_target_scores_in_some_examples_is_refused(write):
    content = {"examples": [{"input": "x", "target": "y"}, EXAMPLE]}
    with pytest.raises(BadInputError, match=r"examples\[0\]\.target_scores"):
        read_bigbench_task(write(content), "name")


@pytest.mark.parametrize("name", ["", "two words", ".hidden", "task:", "a:b c"])
def test_names_that_are_not_allowed_are_refused(write, name):
    assert read_bigbench_task(write(CONTENT), "A1.b-c_d:e").parent_task_id == "A1.b-c_d"
    with pytest.raises(BadInputError, match="no name for a task"):
        read_bigbench_task(write(CONTENT), name)


def test_the_row_of_a_task_counts_its_items_and_options(write):
    examples = [EXAMPLE, {"input": "x", "target_scores": {"a": 0, "b": 1, "c": 0}}]
    row = task_record(read_bigbench_task(write({**CONTENT, "examples": examples}), "big:small"))
    assert (row["task_id"], row["parent_task_id"]) == ("big:small", "big")
    assert (row["item_count"], row["option_count"]) == (2, 5)
    assert json.loads(row["prompt_format"])["choice_prefix"] == "\n- "


def test_random_accuracy_is_the_mean_over_items_of_correct_options_over_options(write):
    examples = [EXAMPLE, {"input": "x", "target_scores": {"a": 1, "b": 0, "c": 0, "d": 0}}]
    assert read_bigbench_task(write({"examples": examples}), "name").random_accuracy == (1 / 2 + 1 / 4) / 2


MUTATIONS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.just([[[]]]), st.just({"": {"": None}}), st.just("\ud800"), st.just(10**400),
)  # fmt: skip


def replace_somewhere(value: object, draw) -> object:
    """Replace, drop or repeat one part of a JSON value, at any depth."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {**value, key: replace_somewhere(value[key], draw)}
        return {name: part for name, part in value.items() if name != key}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], replace_somewhere(value[index], draw), *value[index:]]
    return draw(MUTATIONS)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_task_file_is_a_task_or_a_named_mistake(write, data):
    content = CONTENT
    for _ in range(data.draw(st.integers(1, 3))):
        content = replace_somewhere(content, data.draw)
    raw = json.dumps(content).encode()
    if data.draw(st.booleans()):
        cut = data.draw(st.integers(0, len(raw)))
        raw = raw[:cut] + data.draw(st.binary(max_size=4)) + raw[cut + data.draw(st.integers(0, 3)) :]
    path = write(raw)
    for read in (read_bigbench_task, read_jsonl_task):
        message = str(path)
        try:
            task = read(path, "name")
        except BadInputError as error:
            task, message = None, error.message
        assert str(path) in message
        assert "\n" not in message
        assert task is None or write_prompt(task, 0, (), 0).encode()


def test_a_deeply_nested_file_is_refused(write):
    with pytest.raises(BadInputError):
        read_bigbench_task(write(b'{"examples": ' + b"[" * 100_000), "name")


def test_jsonl_lines_are_items_and_the_first_line_may_be_a_header(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"task": {"description": "Choose.", "example_input_prefix": "> "}}\n\n'
        '{"input": "1 + 1", "options": ["3", "2"], "answer": 1, "id": "x"}\n'
        '{"input": "1 + 2", "options": ["3", "2"], "answer": 0}\n'
    )
    task = read_jsonl_task(path, "own")
    assert task.prompt_format == PromptFormat(example_input_prefix="> ", append_choices_to_input=False)
    assert [item.answer for item in task.items] == ["2", "3"]


@pytest.mark.parametrize(
    ("line", "location"),
    [
        ('{"input": "x", "options": ["a", "b"], "answer": 2}', "row 2, answer"),
        ('{"input": "x", "options": ["a", "b"], "answer": -1}', "row 2, answer"),
        ('{"input": "x", "options": ["a", 1], "answer": 0}', "row 2, options[1]"),
        ('{"input": "x", "options": ["a", "a"], "answer": 0}', "row 2, options: two"),
        ('{"input": "x", "options": ["a"], "answer": 0}', "row 2, options: there are 1"),
        ('{"input": "x", "options": ["a", "b"], "answer": 1, "answer": 0}', "row 2: 'answer' occurs twice"),
        ('{"options": ["a", "b"], "answer": 0}', "row 2, input"),
        ("not json", "row 2"),
    ],
)
def test_a_mistake_in_a_jsonl_file_is_named_with_its_row_and_field(tmp_path, line, location):
    path = tmp_path / "own.jsonl"
    path.write_text('{"input": "x", "options": ["a", "b"], "answer": 0}\n' + line + "\n")
    with pytest.raises(BadInputError) as raised:
        read_jsonl_task(path, "own")
    assert str(path) in raised.value.message
    assert location in raised.value.message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no items"),
        ('{"task": {}}', "holds no items"),
        ('{"task": {"colour": "red"}}', "row 1, task.colour"),
        ('{"task": {}, "other": 1}', "row 1, other"),
        ('{"task": {}}\n{"task": {}}', "row 2, input"),
    ],
)
def test_a_jsonl_file_has_items_and_at_most_one_header(tmp_path, content, problem):
    path = tmp_path / "own.jsonl"
    path.write_text(content)
    with pytest.raises(BadInputError, match=problem):
        read_jsonl_task(path, "own")


def test_a_header_describes_the_task(tmp_path):
    path = tmp_path / "own.jsonl"
    header = {"description": "Choose.", "keywords": ["k"], "preferred_score": "acc", "append_choices_to_input": True}
    item = {"task": "an item may have such a field too", "input": "x", "options": ["a", "b", "c"], "answer": 2}
    path.write_text(json.dumps({"task": header}) + "\n" + json.dumps(item))
    task = read_jsonl_task(path, "own")
    assert (task.description, task.keywords, task.preferred_metric, task.format) == ("Choose.", ("k",), "acc", "jsonl")
    assert task.prompt_format == PromptFormat(append_choices_to_input=True)
    assert [item.target_scores for item in task.items] == [(0.0, 0.0, 1.0)]
    path.write_text(json.dumps(item))
    assert len(read_jsonl_task(path, "own").items) == 1
