"""This module makes multiple-choice tasks for the miniature suite from its held-out documentation.

The tasks ask for the continuation of a sentence, the order of its words, the next function word, the closing bracket,
and the article of a word. The same Python installation always gives the same tasks.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem
from trailhouse.models.miniature.text import split_documentation

ITEM_COUNT = 60
SENTENCE_WORDS = range(8, 25)
SENTENCE = re.compile(r"[A-Z][A-Za-z0-9 ,.;:'()_-]*\.")
# The closing bracket must follow a letter or digit, because tokenizers join a bracket to punctuation before it
BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]{1,39}\w)([)\]}])")
BRACKET_CONTEXT_CHARACTERS = 50
FUNCTION_WORDS = (
    *("the", "a", "an", "of", "to", "in", "is", "are", "be", "for"),
    *("and", "or", "with", "from", "by", "that", "if", "it", "this"),
)
# Questions are plain text without labels such as "Q:", because the models were trained on plain text only
PLAIN = PromptFormat(
    example_input_prefix="",
    example_output_prefix=" ",
    append_choices_to_input=False,
    few_shot_example_separator="\n\n",
)
GLUED = PromptFormat(
    example_input_prefix="",
    example_output_prefix="",
    append_choices_to_input=False,
    few_shot_example_separator="\n\n",
)


@lru_cache(maxsize=1)
def miniature_tasks() -> tuple[Task, ...]:
    """Return the five tasks of the miniature suite, with up to 60 items each.

    Raises BadInputError if the Python installation contains too little documentation.
    """
    return (
        _build("python_docs_continuation", "Choose how the sentence goes on.", "continuation", _continue_sentences),
        _build("python_docs_word_order", "Choose the words in their order.", "syntax", _order_words),
        _build("python_docs_function_word", "Choose the small word that comes next.", "syntax", _choose_function_words),
        _build("python_docs_bracket", "Choose the bracket that closes.", "syntax", _close_brackets, GLUED),
        _build("python_docs_article", "Choose the article the word takes.", "morphology", _choose_articles),
    )


def _build(
    task_id: str,
    description: str,
    keyword: str,
    make_items: Callable[[random.Random], Iterator[TaskItem]],
    prompt_format: PromptFormat = PLAIN,
) -> Task:
    generator = random.Random(task_id)  # noqa: S311  # reproducible, not secret
    return Task(
        task_id=task_id,
        description=f"{description} Made from held-out documentation of Python modules.",
        keywords=("python documentation", keyword),
        preferred_metric="multiple_choice_grade",
        format="miniature",
        source="documentation of the running Python installation",
        prompt_format=prompt_format,
        items=tuple(islice(make_items(generator), ITEM_COUNT)),
    )


def _continue_sentences(generator: random.Random) -> Iterator[TaskItem]:
    """Yield items that ask for the last six words of a sentence.

    The wrong options are the last six words of three sentences from other modules.
    """
    sentences = [(module, words) for module, words in _shuffle_sentences(generator) if len(words) >= 12]
    for module, words in sentences:
        others = [" ".join(other[-6:]) for name, other in sentences if name != module]
        yield from _offer(generator, " ".join(words[:-6]), " ".join(words[-6:]), generator.sample(others, 3))


def _order_words(generator: random.Random) -> Iterator[TaskItem]:
    """Yield items that show the first three words of a short sentence and ask for the rest of the sentence.

    A wrong option has the same words as the correct option in a random order, except that the last word stays last.
    """
    for _, words in _shuffle_sentences(generator):
        if len(words) <= 16:
            middle = words[3:-1]
            shuffled = [" ".join([*generator.sample(middle, len(middle)), words[-1]]) for _ in range(3)]
            yield from _offer(generator, " ".join(words[:3]), " ".join(words[3:]), shuffled)


def _choose_function_words(generator: random.Random) -> Iterator[TaskItem]:
    for _, words in _shuffle_sentences(generator):
        indexes = [index for index in range(4, len(words) - 1) if words[index] in FUNCTION_WORDS]
        if indexes:
            index = generator.choice(indexes)
            others = [word for word in FUNCTION_WORDS if word != words[index]]
            yield from _offer(generator, " ".join(words[:index]), words[index], generator.sample(others, 3))


def _close_brackets(generator: random.Random) -> Iterator[TaskItem]:
    texts = [text for _, text in _list_paragraphs()]
    generator.shuffle(texts)
    for text in texts:
        match = BRACKETED.search(text)
        if match is not None:
            beginning = text[max(0, match.start() - BRACKET_CONTEXT_CHARACTERS) : match.end() - 1]
            others = [bracket for bracket in ")]}" if bracket != match[2]]
            yield from _offer(generator, beginning.lstrip(), match[2], others)


def _choose_articles(generator: random.Random) -> Iterator[TaskItem]:
    """Yield items that ask for the article of a word.

    The correct article alternates between ``a`` and ``an``, so that each article is correct for half of the items.
    """
    wanted = "a"
    for _, words in _shuffle_sentences(generator):
        index = next((index for index in range(2, len(words) - 1) if words[index] == wanted), None)
        if index is not None:
            following = words[index + 1]
            beginning, wrong = " ".join(words[:index]), "an" if wanted == "a" else "a"
            yield from _offer(generator, beginning, f"{wanted} {following}", [f"{wrong} {following}"])
            wanted = wrong


def _offer(generator: random.Random, question: str, right: str, wrong: list[str]) -> Iterator[TaskItem]:
    """Yield one item with its options in random order. Yield nothing if two options are equal."""
    options = [right, *wrong]
    generator.shuffle(options)
    if len(set(options)) == len(options):
        yield TaskItem(question, tuple(options), tuple(float(option == right) for option in options))


def _shuffle_sentences(generator: random.Random) -> list[tuple[str, list[str]]]:
    """Return sentences of the held-out documentation as (module, words), in random order.

    Only sentences of 8 to 24 words without unusual characters are returned.
    """
    sentences = [
        (module, sentence.split())
        for module, text in _list_paragraphs()
        for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", text)
        if SENTENCE.fullmatch(sentence) and len(sentence.split()) in SENTENCE_WORDS
    ]
    generator.shuffle(sentences)
    return sentences


def _list_paragraphs() -> list[tuple[str, str]]:
    """Return the paragraphs of the held-out documentation as (module, paragraph), each paragraph on one line."""
    return [
        (unit.name, " ".join(paragraph.split()))
        for unit in split_documentation().validation
        for paragraph in unit.text.split("\n\n")
    ]
