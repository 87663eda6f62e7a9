"""Multiple-choice tasks for the miniature suite, made from the documentation that no model was trained on.

Each asks for something that text of this kind teaches: how a sentence goes on, in which order its words stand,
which small word comes next, which bracket closes, which article a word takes. The same installation always gives
the same tasks.
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
# The last character inside is one of a word: tokenizers join brackets to other punctuation
BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]{1,39}\w)([)\]}])")
BRACKET_CONTEXT_CHARACTERS = 50
FUNCTION_WORDS = (
    *("the", "a", "an", "of", "to", "in", "is", "are", "be", "for"),
    *("and", "or", "with", "from", "by", "that", "if", "it", "this"),
)
# The questions are plain text, so that models which know nothing else can answer
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
    """Return the tasks, of up to 60 items each.

    Errors: BadInputError where the Python installation carries too little documentation.
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
    """The last six words of a sentence, beside those of sentences of other modules."""
    sentences = [(module, words) for module, words in _shuffle_sentences(generator) if len(words) >= 12]
    for module, words in sentences:
        others = [" ".join(other[-6:]) for name, other in sentences if name != module]
        yield from _offer(generator, " ".join(words[:-6]), " ".join(words[-6:]), generator.sample(others, 3))


def _order_words(generator: random.Random) -> Iterator[TaskItem]:
    """The rest of a short sentence, beside the same words shuffled; the last word stays."""
    for _, words in _shuffle_sentences(generator):
        if len(words) <= 16:
            middle = words[3:-1]
            shuffled = [" ".join([*generator.sample(middle, len(middle)), words[-1]]) for _ in range(3)]
            yield from _offer(generator, " ".join(words[:3]), " ".join(words[3:]), shuffled)


def _choose_function_words(generator: random.Random) -> Iterator[TaskItem]:
    for _, words in _shuffle_sentences(generator):
        places = [place for place in range(4, len(words) - 1) if words[place] in FUNCTION_WORDS]
        if places:
            place = generator.choice(places)
            others = [word for word in FUNCTION_WORDS if word != words[place]]
            yield from _offer(generator, " ".join(words[:place]), words[place], generator.sample(others, 3))


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
    """Half of the words take ``a``, half ``an``."""
    wanted = "a"
    for _, words in _shuffle_sentences(generator):
        places = [place for place in range(2, len(words) - 1) if words[place] == wanted]
        if places:
            following = words[places[0] + 1]
            beginning, wrong = " ".join(words[: places[0]]), "an" if wanted == "a" else "a"
            yield from _offer(generator, beginning, f"{wanted} {following}", [f"{wrong} {following}"])
            wanted = wrong


def _offer(generator: random.Random, question: str, right: str, wrong: list[str]) -> Iterator[TaskItem]:
    """Yield the item, its options in random order, unless two of them are the same."""
    options = [right, *wrong]
    generator.shuffle(options)
    if len(set(options)) == len(options):
        yield TaskItem(question, tuple(options), tuple(float(option == right) for option in options))


def _shuffle_sentences(generator: random.Random) -> list[tuple[str, list[str]]]:
    """Return the plain sentences of the held-out documentation with their modules, as words."""
    sentences = [
        (module, sentence.split())
        for module, text in _list_paragraphs()
        for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", text)
        if SENTENCE.fullmatch(sentence) and len(sentence.split()) in SENTENCE_WORDS
    ]
    generator.shuffle(sentences)
    return sentences


def _list_paragraphs() -> list[tuple[str, str]]:
    """Return every paragraph with its module, each on one line."""
    return [
        (unit.name, " ".join(paragraph.split()))
        for unit in split_documentation().validation
        for paragraph in unit.text.split("\n\n")
    ]
