"""Multiple-choice tasks of random tokens or of texts, and a tokenizer, for tests of few-shot evaluation."""

from __future__ import annotations

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.support.architectures import VOCABULARY_SIZE
from trailhouse.models.few_shot.option_encoding import EncodedItem, EncodedOption, EncodedTask
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem

WORDS = (
    *("Q", ":", "A", "ĠA", "Ġyes", "Ġno", "yes", "no", "Ġwhy", "why", "?", "Ċ", "Ġ", "Ġnot", "t", "n", "o"),
    *("Ġhow", "how", "Ġwho", "who", "Ġwhen", "when"),
)
QUESTIONS = ("why?", "how?", "who?", "when?")


def build_encoded_task(
    seed: int = 0, item_count: int = 8, prompt_length: tuple[int, int] = (1, 14), longest_option: int = 8
) -> EncodedTask:
    """Return a task whose items have random tokens.

    Prompts and options have many lengths. The options of an item begin alike in many items, and some are single tokens.
    """
    generator = np.random.default_rng(seed)

    def draw(low: int, high: int) -> np.ndarray:
        return generator.integers(1, VOCABULARY_SIZE, generator.integers(low, high)).astype(np.int32)

    items, texts = [], []
    for _ in range(item_count):
        prompt, beginning, longest = draw(*prompt_length), draw(0, 3), int(generator.choice([1, longest_option]))
        endings = [np.concatenate([beginning, draw(1, longest + 1)]) for _ in range(generator.integers(2, 6))]
        options = [
            EncodedOption(np.concatenate([prompt, ending]), len(prompt), np.concatenate([[0], ending]).astype(np.int32))
            for ending in endings
        ]
        items.append(EncodedItem(tuple(options), 2, 0))
        names = tuple(f"option {'é' * i}" for i in range(len(options)))
        texts.append(TaskItem("x", names, (1.0,) + (0.0,) * (len(options) - 1)))
    return EncodedTask(Task("t", "", (), "", "bigbench", "", PromptFormat(), tuple(texts)), 2, 0, tuple(items))


@torch.inference_mode()
def score_by_definition(model, token_ids: np.ndarray, first_target: int) -> float:
    """Sum the log-probabilities of the tokens from ``first_target`` on, one forward pass for each, in float64."""
    total = 0.0
    for target in range(first_target, len(token_ids)):
        inputs = torch.from_numpy(token_ids[:target].astype(np.int64))[None]
        total += (
            model(input_ids=inputs, use_cache=False)
            .logits[0, -1]
            .double()
            .log_softmax(-1)[int(token_ids[target])]
            .item()
        )
    return total


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that splits before blanks, like the byte-level ones of real models; ``Ġ`` is the blank.

    Its normalizer removes the letter x.
    """
    vocabulary = {word: index for index, word in enumerate(["<end>", *WORDS])}
    backend = Tokenizer(models.BPE(vocabulary, [("n", "o"), ("Ġ", "no"), ("Ġno", "t")], ignore_merges=True))
    backend.normalizer = normalizers.Replace("x", "")
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")


def build_text_task(
    count: int = 4, options: tuple[str, ...] = ("yes", "no"), question: str | None = None, **form
) -> Task:
    """Return a task whose items differ in the correct option, and in the question unless ``question`` is given."""
    items = []
    for index in range(count):
        scores = tuple(float(i == index % len(options)) for i in range(len(options)))
        text = QUESTIONS[index % len(QUESTIONS)] * (1 + index // len(QUESTIONS)) if question is None else question
        items.append(TaskItem(text, options, scores))
    defaults = {"example_input_prefix": "Q: ", "example_output_prefix": "\nA: ", "append_choices_to_input": False}
    return Task("t", "", (), "", "bigbench", "", PromptFormat(**{**defaults, **form}), tuple(items))
