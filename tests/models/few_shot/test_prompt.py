"""Prompts as Table 8 of Xia et al. (2023) shows them, and the exemplars in prompts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.errors import UsageError
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem


def build_task(answers: list[tuple[str, tuple[str, ...], str]], **form) -> Task:
    items = tuple(
        TaskItem(text, options, tuple(float(o == right) for o in options)) for text, options, right in answers
    )
    return Task("task", "", (), "", "bigbench", "", PromptFormat(**{"append_choices_to_input": False, **form}), items)


def list_lines(text: str) -> list[str]:
    """Return the lines of a prompt without empty lines and trailing blanks, because the paper prints others."""
    return [line.rstrip() for line in text.split("\n") if line.strip()]


# Table 8 of Xia et al. 2023. By task: the fields of its task file, its two exemplars and the item, and the prompt
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


def test_a_prompt_holds_every_part_where_it_belongs():
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


def test_the_order_of_listed_options_does_not_depend_on_their_order_in_the_file():
    orders = (("p", "q", "r", "s"), ("s", "q", "p", "r"))
    prompts = []
    for options in orders:
        task = build_task([("same", options, "p")] * 10, append_choices_to_input=True, choice_prefix=" ")
        prompts.append([write_prompt(task, item, (), 0) for item in range(10)])
    assert prompts[0] == prompts[1]


def test_listed_options_are_between_the_question_and_its_answer():
    task = build_task(
        [("one", ("b", "a"), "a"), ("two", ("d", "c"), "c")],
        append_choices_to_input=True, choice_prefix="<choice>", example_input_prefix="<in>",
        example_output_prefix="<out>", few_shot_example_separator="<sep>",
    )  # fmt: skip
    first = [f"<in>one<choice>{x}<choice>{y}<out>a" for x, y in ("ab", "ba")]
    second = [f"<in>two<choice>{x}<choice>{y}<out>" for x, y in ("cd", "dc")]
    assert write_prompt(task, 1, (0,), 0) in [f"{one}<sep>{two}" for one in first for two in second]


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


@pytest.mark.parametrize("own", ["what is odd?", " what is odd?\n"])
def test_an_exemplar_never_repeats_the_question_of_the_item_with_other_options(own):
    same = [(own if index == 7 else "what is odd?", (f"a{index}", f"b{index}"), f"a{index}") for index in range(8)]
    task = build_task([*same, *((f"other {index}", ("a", "b"), "a") for index in range(4))])
    for item in range(8):
        for seed in range(20):
            assert set(draw_exemplars(task, item, 4, seed)) == {8, 9, 10, 11}
    assert all(set(draw_exemplars(task, 8, 11, seed)) == set(range(12)) - {8} for seed in range(5))
    assert task.maximum_shots == 4
    with pytest.raises(
        UsageError, match=r"5 exemplars are asked for, and item 0 of task .* has 4 with another question"
    ):
        draw_exemplars(task, 0, 5, 0)


def test_a_question_that_all_items_share_is_an_instruction():
    task = build_task([("pick the odd word", (f"a{index}", f"b{index}"), f"a{index}") for index in range(4)])
    assert set(draw_exemplars(task, 1, 3, 0)) == {0, 2, 3}
    assert (task.maximum_shots, task.exemplar_record(2)) == (3, {})


def test_only_tasks_with_repeated_questions_get_another_evaluation_key():
    distinct = build_task([(str(index), ("a", "b"), "a") for index in range(3)])
    repeated = build_task([(question, ("a", "b"), "a") for question in "xxy"])
    assert (distinct.exemplar_record(2), repeated.exemplar_record(0)) == ({}, {})
    assert repeated.exemplar_record(1) == {"exemplar_rule": 2}
