"""Tasks: read from files, mistakes named with file and field, prompts as the paper shows them."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.few_shot.tasks.bigbench import read_bigbench_task
from trailhouse.models.few_shot.tasks.discovery import find_tasks
from trailhouse.models.few_shot.tasks.jsonl import read_jsonl_task
from trailhouse.models.few_shot.tasks.miniature_tasks import miniature_tasks
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem, task_item_table

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


def build_task(answers: list[tuple[str, tuple[str, ...], str]], **form) -> Task:
    items = tuple(
        TaskItem(text, options, tuple(float(o == right) for o in options)) for text, options, right in answers
    )
    return Task("task", "", (), "", "bigbench", "", PromptFormat(**{"append_choices_to_input": False, **form}), items)


def list_lines(text: str) -> list[str]:
    """The paper prints prompts with empty lines and trailing blanks of its own."""
    return [line.rstrip() for line in text.split("\n") if line.strip()]


# Table 8 of Xia et al. 2023: the prompts of four tasks with two exemplars, and what the task files say of them
TABLE_8 = {
    "date_understanding": (
        {},
        [
            ("Yesterday, Jan 21, 2011, Jane ate 2 pizzas and 5 wings. What is the date tomorrow in MM/DD/YYYY?",
             "01/23/2011"),
            ("It is 4/19/1969 today. What is the date yesterday in MM/DD/YYYY?", "04/18/1969"),
            ("Yesterday was April 30, 2021. What is the date today in MM/DD/YYYY?", "05/01/2021"),
        ],
        """\
Q: Yesterday, Jan 21, 2011, Jane ate 2 pizzas and 5 wings. What is the date tomorrow in MM/DD/YYYY?
A: 01/23/2011
Q: It is 4/19/1969 today. What is the date yesterday in MM/DD/YYYY?
A: 04/18/1969
Q: Yesterday was April 30, 2021. What is the date today in MM/DD/YYYY?
A:""",
    ),
    "nonsense_words_grammar": (
        {},
        [
            ("How many things does the following sentence describe? The balforator, heddleilwilder and the sminninging"
             " crolostat operate superbly and without interrutation.", "3"),
            ("How is the quijerinnedescribed in the next sentence? The umulophanitic quijerinne eriofrols the dusty"
             " grass.", "umulophanitic"),
            ("Which word in the following sentence is a verb? The grilshaws bolheavened whincely.", "bolheavened"),
        ],
        """\
Q: How many things does the following sentence describe? The balforator, heddleilwilder and the sminninging crolostat \
operate superbly and without interrutation.
A: 3
Q: How is the quijerinnedescribed in the next sentence? The umulophanitic quijerinne eriofrols the dusty grass.
A: umulophanitic
Q: Which word in the following sentence is a verb? The grilshaws bolheavened whincely.
A:""",
    ),
    "entailed_polarity": (
        {
            "task_prefix": "Given a fact, answer the following question with a yes or a no.",
            "example_input_prefix": "\nFact: ",
            "repeats_task_prefix": True,
        },
        [
            ("Ed grew to like Mary. Q: Did Ed like Mary?", "yes"),
            ("They did not condescend to go. Q: Did they go?", "no"),
            ("The report was admitted to be incorrect. Q: Was the report incorrect?", "yes"),
        ],
        """\
Given a fact, answer the following question with a yes or a no.
Fact: Ed grew to like Mary. Q: Did Ed like Mary?
A: yes
Given a fact, answer the following question with a yes or a no.
Fact: They did not condescend to go. Q: Did they go?
A: no
Given a fact, answer the following question with a yes or a no.
Fact: The report was admitted to be incorrect. Q: Was the report incorrect?
A:""",
    ),
    "sentence_ambiguity": (
        {"example_input_prefix": "\nClaim: ", "example_output_prefix": "\nTrue or False? "},
        [
            ("Delhi is not the only Hindi-speakingstate in India.", "True"),
            ("The population of the second-largest country in the world in 2021 exceeds the population of the third,"
             " fourth, and fifth largest countries combined.", "True"),
            ("Pescatarians almost never consume vegetarian food.", "False"),
        ],
        """\
Claim: Delhi is not the only Hindi-speakingstate in India.
True or False? True
Claim: The population of the second-largest country in the world in 2021 exceeds the population of the third, fourth, \
and fifth largest countries combined.
True or False? True
Claim: Pescatarians almost never consume vegetarian food.
True or False?""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE_8)
def test_prompts_are_those_of_table_8(name):
    form, answers, expected = TABLE_8[name]
    task = build_task([(text, (right, "something else"), right) for text, right in answers], **form)
    assert list_lines(write_prompt(task, 2, (0, 1), seed=0)) == list_lines(expected)


def test_a_prompt_holds_every_part_in_its_place():
    task = build_task(
        [("one", ("b", "a"), "a"), ("two", ("c", "d"), "c")],
        task_prefix="<task>", example_input_prefix="<in>", example_output_prefix="<out>",
        few_shot_example_separator="<sep>", choice_prefix="<choice>",
    )  # fmt: skip
    assert write_prompt(task, 1, (), 0) == "<task><in>two<out>"
    assert write_prompt(task, 1, (0,), 0) == "<task><in>one<out>a<sep><in>two<out>"


def test_listed_options_are_all_there_in_an_order_that_changes_with_the_item_and_stays_with_the_seed():
    options = tuple("pqrst")
    task = build_task([("same", options, "p")] * 30, append_choices_to_input=True, choice_prefix=" ")
    prompts = [write_prompt(task, item, (), 0) for item in range(30)]
    assert {"".join(sorted(prompt)) for prompt in prompts} == {"".join(sorted(prompts[0]))}
    assert len(set(prompts)) > 20
    assert prompts == [write_prompt(task, item, (), 0) for item in range(30)]
    assert prompts != [write_prompt(task, item, (), 1) for item in range(30)]


@given(item_count=st.integers(2, 30), shot_count=st.integers(0, 29), seed=st.integers(0, 5), data=st.data())
@settings(max_examples=60, deadline=None)
def test_exemplars_are_distinct_never_the_item_and_those_of_fewer_shots_come_first(item_count, shot_count, seed, data):
    task = build_task([(str(index), ("a", "b"), "a") for index in range(item_count)])
    item = data.draw(st.integers(0, item_count - 1))
    if shot_count >= item_count:
        with pytest.raises(UsageError, match="exemplars"):
            draw_exemplars(task, item, shot_count, seed)
        return
    drawn = draw_exemplars(task, item, shot_count, seed)
    assert len(set(drawn)) == len(drawn) == shot_count
    assert item not in drawn
    assert set(drawn) <= set(range(item_count))
    assert drawn[:-1] == draw_exemplars(task, item, max(shot_count - 1, 0), seed)


def test_exemplars_are_spread_over_the_task_and_change_with_the_seed():
    task = build_task([(str(index), ("a", "b"), "a") for index in range(10)])
    drawn = [draw_exemplars(task, 0, 1, seed)[0] for seed in range(500)]
    assert all(25 < drawn.count(other) < 90 for other in range(1, 10))


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


def test_what_a_task_file_leaves_out_is_as_in_big_bench(write):
    assert read_bigbench_task(write({"examples": [EXAMPLE]}), "name").prompt_format == PromptFormat()


def test_a_task_that_asks_for_free_text_is_left_out(write):
    assert read_bigbench_task(write({"examples": [{"input": "1 + 1 =", "target": "2"}]}), "name") is None


def test_the_identity_of_a_task_changes_with_all_that_shapes_a_prompt_and_with_nothing_else(write):
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


def test_a_name_said_twice_is_refused_where_a_mapping_would_keep_the_last(write):
    rows = (
        '{"input": "x", "target_scores": {"a": 1, "b": 0}}, {"input": "y", "target_scores": {"a": 1, "b": 0, "a": 0}}'
    )
    path = write(f'{{"examples": [{rows}]}}'.encode())
    with pytest.raises(BadInputError, match=r"examples\[1\]\.target_scores: 'a' is said twice"):
        read_bigbench_task(path, "name")


def test_several_right_options_stay_as_long_as_one_is_wrong(write):
    scores = {"a": 1, "b": 0, "c": 1, "d": 0.5}
    task = read_bigbench_task(write({"examples": [{"input": "x", "target_scores": scores}]}), "name")
    assert [row["is_correct"] for row in task_item_table(task).to_pylist()] == [True, False, True, False]
    assert task.random_accuracy == 0.5


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


def test_jsonl_lines_are_items_and_the_first_line_may_speak_for_all(tmp_path):
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
    ("line", "place"),
    [
        ('{"input": "x", "options": ["a", "b"], "answer": 2}', "row 2, answer"),
        ('{"input": "x", "options": ["a", "b"], "answer": -1}', "row 2, answer"),
        ('{"input": "x", "options": ["a", 1], "answer": 0}', "row 2, options[1]"),
        ('{"input": "x", "options": ["a", "a"], "answer": 0}', "row 2, options: two"),
        ('{"input": "x", "options": ["a"], "answer": 0}', "row 2, options: there are 1"),
        ('{"input": "x", "options": ["a", "b"], "answer": 1, "answer": 0}', "row 2: 'answer' is said twice"),
        ('{"options": ["a", "b"], "answer": 0}', "row 2, input"),
        ("not json", "row 2"),
    ],
)
def test_a_mistake_in_a_jsonl_file_is_named_with_its_row_and_field(tmp_path, line, place):
    path = tmp_path / "own.jsonl"
    path.write_text('{"input": "x", "options": ["a", "b"], "answer": 0}\n' + line + "\n")
    with pytest.raises(BadInputError) as raised:
        read_jsonl_task(path, "own")
    assert str(path) in raised.value.message
    assert place in raised.value.message


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


@pytest.mark.parametrize("place", ["no/such/place", "empty"])
def test_a_place_without_tasks_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match=place):
        find_tasks([place])


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
