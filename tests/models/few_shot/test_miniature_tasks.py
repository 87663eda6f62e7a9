"""The items of the miniature tasks, made from paragraphs that each test gives."""

from __future__ import annotations

import random

import pytest

from trailhouse.models.few_shot.tasks import miniature_tasks
from trailhouse.models.few_shot.tasks.task import TaskItem


@pytest.fixture
def give(monkeypatch):
    """Replace the paragraphs of the held-out documentation by (module, paragraph) pairs."""
    return lambda *paragraphs: monkeypatch.setattr(miniature_tasks, "_list_paragraphs", lambda: list(paragraphs))


def write_sentence(word_count: int, name: str = "w") -> str:
    """Return a sentence of so many distinct words; the first is capital and the last ends with a full stop."""
    return " ".join(f"{name}{index}" for index in range(word_count)).capitalize() + "."


def make(function, seed: int = 0) -> list[TaskItem]:
    return list(function(random.Random(seed)))


def right_option(item: TaskItem) -> str:
    assert sorted(item.target_scores) == [0.0] * (len(item.options) - 1) + [1.0]
    return item.options[item.target_scores.index(1.0)]


def test_only_sentences_of_8_to_24_plain_words_are_used(give):
    sentences = [write_sentence(count, name) for count, name in ((7, "a"), (8, "b"), (24, "c"), (25, "d"))]
    give(
        ("m", " ".join([*sentences, "Is this one a question of many words here?", "Nor is *this* one of many words."]))
    )
    found = miniature_tasks._shuffle_sentences(random.Random(0))
    assert sorted(found) == sorted(("m", sentence.split()) for sentence in sentences[1:3])


def test_a_continuation_is_the_last_six_words_of_a_sentence_of_12_and_others_come_from_other_modules(give):
    modules = [(f"m{number}", write_sentence(12, f"v{number}x")) for number in range(5)]
    give(("m0", write_sentence(12, "same")), ("m1", write_sentence(11, "short")), *modules)
    items = make(miniature_tasks._continue_sentences)
    assert len(items) == 6
    by_beginning = {" ".join(text.split()[:-6]): (name, " ".join(text.split()[-6:])) for name, text in modules}
    by_beginning["Same0 same1 same2 same3 same4 same5"] = ("m0", "same6 same7 same8 same9 same10 same11.")
    owners = {ending: name for name, ending in by_beginning.values()}
    for item in items:
        name, ending = by_beginning[item.input]
        assert right_option(item) == ending
        assert len(item.options) == 4
        assert name not in {owners[option] for option in item.options if option != ending}


def test_words_are_shuffled_between_the_first_three_and_the_last(give):
    give(("m", write_sentence(16, "a")), ("m", write_sentence(17, "b")))
    (item,) = make(miniature_tasks._order_words)
    words = write_sentence(16, "a").split()
    assert (item.input, right_option(item)) == (" ".join(words[:3]), " ".join(words[3:]))
    assert len(item.options) == 4
    for option in item.options:
        assert sorted(option.split()) == sorted(words[3:])
        assert option.split()[-1] == words[-1]


@pytest.mark.parametrize(("index", "is_used"), [(0, False), (3, False), (4, True), (8, True), (9, False)])
def test_a_function_word_is_asked_for_after_four_words_and_before_the_last(give, index, is_used):
    words = write_sentence(10).split()
    words[index] = {0: "This", 9: "is."}.get(index, "with")
    give(("m", " ".join(words)))
    items = make(miniature_tasks._choose_function_words)
    assert len(items) == is_used
    for item in items:
        assert (item.input, right_option(item)) == (" ".join(words[:index]), "with")
        assert len(item.options) == 4
        assert set(item.options) < set(miniature_tasks.FUNCTION_WORDS)


@pytest.mark.parametrize(("length", "is_used"), [(1, False), (2, True), (40, True), (41, False)])
def test_a_bracket_is_asked_for_after_up_to_40_characters_within_it_and_50_before(give, length, is_used):
    give(("m", f"{'x' * 60} [{'y' * length}] and more"), ("m", "no bracket"), ("m", "(ends with a dot.)"))
    items = make(miniature_tasks._close_brackets)
    assert len(items) == is_used
    for item in items:
        assert item.input == f"{'x' * 49} [{'y' * length}"
        assert right_option(item) == "]"
        assert sorted(item.options) == [")", "]", "}"]


def test_a_bracket_at_the_beginning_of_a_paragraph_has_all_that_stands_before_it(give):
    give(("m", " see (this) now"))
    assert make(miniature_tasks._close_brackets)[0].input == "see (this"


def test_the_right_article_alternates_and_stands_after_two_words_and_before_another(give):
    texts = ["One two a three four five six seven.", "One two an eight nine ten eleven twelve.",
             "One a two three four five six seven.", "One two three four five six seven a."]  # fmt: skip
    give(*[("m", text) for text in texts])
    orders = {seed: make(miniature_tasks._choose_articles, seed) for seed in range(8)}
    assert {len(items) for items in orders.values()} == {1, 2}
    for items in orders.values():
        assert (items[0].input, right_option(items[0])) == ("One two", "a three")
        assert sorted(items[0].options) == ["a three", "an three"]
        assert [(item.input, right_option(item)) for item in items[1:]] in ([], [("One two", "an eight")])


def test_an_item_with_two_equal_options_is_left_out():
    assert list(miniature_tasks._offer(random.Random(0), "q", "a", ["a", "b"])) == []
    (item,) = miniature_tasks._offer(random.Random(0), "q", "a", ["b", "c"])
    assert (item.input, sorted(item.options), right_option(item)) == ("q", ["a", "b", "c"], "a")


def test_a_task_has_at_most_60_items_and_the_prompts_of_plain_text(give):
    give(*[("m", f"text {number} (inner{number}) end") for number in range(70)])
    task = miniature_tasks._build("t", "Close.", "syntax", miniature_tasks._close_brackets, miniature_tasks.GLUED)
    assert len(task.items) == 60
    assert (task.keywords, task.preferred_metric) == (("python documentation", "syntax"), "multiple_choice_grade")
    assert (miniature_tasks.PLAIN.example_output_prefix, task.prompt_format.example_output_prefix) == (" ", "")
    assert not miniature_tasks.PLAIN.append_choices_to_input
    assert not task.prompt_format.append_choices_to_input


def test_paragraphs_are_on_one_line_each(monkeypatch):
    from types import SimpleNamespace

    units = [SimpleNamespace(name="m", text="one\n  two\n\nthree"), SimpleNamespace(name="n", text="four")]
    monkeypatch.setattr(miniature_tasks, "split_documentation", lambda: SimpleNamespace(validation=units))
    assert miniature_tasks._list_paragraphs() == [("m", "one two"), ("m", "three"), ("n", "four")]
