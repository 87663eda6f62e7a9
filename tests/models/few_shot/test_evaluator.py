"""Options' log-probabilities against one forward pass per option, whatever shares a batch or a prompt."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.support.architectures import CONTEXT_LENGTH, VOCABULARY_SIZE, build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.cpu_threads import limit_threads
from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.few_shot.option_batches import ScoredSequence, build_branched_rows, group_rows
from trailhouse.models.few_shot.option_encoding import EncodedItem, EncodedOption, EncodedTask, encode_task
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem
from trailhouse.models.scoring.score_corpus import ScoringSettings

CPU = ScoringSettings(device="cpu")


def build_items(seed: int = 0, item_count: int = 8) -> EncodedTask:
    """Items of random tokens: prompts and options of many lengths, options that begin alike, single tokens."""
    generator = np.random.default_rng(seed)

    def draw(low: int, high: int) -> np.ndarray:
        return generator.integers(1, VOCABULARY_SIZE, generator.integers(low, high)).astype(np.int32)

    items, texts = [], []
    for _ in range(item_count):
        prompt, beginning, longest = draw(1, 14), draw(0, 3), int(generator.choice([1, 8]))
        endings = [np.concatenate([beginning, draw(1, longest + 1)]) for _ in range(generator.integers(2, 6))]
        options = [
            EncodedOption(np.concatenate([prompt, ending]), len(prompt), np.concatenate([[0], ending]).astype(np.int32))
            for ending in endings
        ]
        items.append(EncodedItem(tuple(options), 2, 0))
        texts.append(
            TaskItem("x", tuple(f"option {i}" for i in range(len(options))), (1.0,) + (0.0,) * (len(options) - 1))
        )
    return EncodedTask(Task("t", "", (), "", "bigbench", "", PromptFormat(), tuple(texts)), 2, 0, tuple(items))


@torch.inference_mode()
def score_by_hand(model, token_ids: np.ndarray, first_target: int) -> float:
    logits = model(input_ids=torch.from_numpy(token_ids.astype(np.int64))[None]).logits[0].float()
    log_probs = torch.log_softmax(logits, -1)
    return sum(log_probs[p - 1, token_ids[p]].item() for p in range(first_target, len(token_ids)))


@pytest.mark.parametrize("name", ["gpt_neox", "gpt2", "opt", "llama", "gemma2", "bloom", "mamba2", "rwkv"])
@pytest.mark.parametrize("max_batch_tokens", [None, 40])
def test_every_option_has_the_score_it_has_alone(name, max_batch_tokens):
    logging.disable(logging.WARNING)  # the recurrent ones say that they run on their reference path
    model, task = build_random_model(name), build_items()
    scores = Evaluator(model, ScoringSettings(device="cpu", max_batch_tokens=max_batch_tokens)).score(task)
    options = [option for item in task.items for option in item.options]
    expected = [score_by_hand(model, option.token_ids, option.first_target) for option in options]
    alone = [score_by_hand(model, option.alone, 1) for option in options]
    logging.disable(logging.NOTSET)
    np.testing.assert_allclose(scores["log_prob_nats"], expected, atol=5e-5)
    np.testing.assert_allclose(scores["unconditional_log_prob_nats"], alone, atol=5e-5)
    assert scores["token_count"].to_pylist() == [option.token_count for option in options]


@pytest.mark.parametrize(
    ("name", "limit"), [("gpt_neox", CONTEXT_LENGTH), ("opt", CONTEXT_LENGTH), ("bloom", 0), ("rwkv", 0), ("mamba2", 0)]
)
def test_models_that_can_read_options_side_by_side_do(name, limit):
    assert Evaluator(build_random_model(name), CPU)._branch_limit == limit


def test_a_prompt_is_read_once_for_all_its_options():
    prompt = list(range(1, 11))
    sequences = [
        ScoredSequence(np.asarray([*prompt, 50 + place, 60 + place], np.int32), len(prompt), place)
        for place in range(4)
    ]
    (row,) = build_branched_rows(sequences, 100)
    assert row.length == len(prompt) + 4
    assert row.positions.tolist() == [*range(10), 10, 10, 10, 10]
    assert row.outputs.tolist() == [9, 10, 9, 11, 9, 12, 9, 13]
    assert row.targets.tolist() == [50, 60, 51, 61, 52, 62, 53, 63]


@given(seed=st.integers(0, 10_000), max_length=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_rows_hold_every_target_once_with_the_tokens_before_it(seed, max_length):
    generator = np.random.default_rng(seed)
    prompt = generator.integers(0, 5, generator.integers(1, 12)).astype(np.int32)
    sequences = [
        ScoredSequence(
            np.concatenate([prompt, generator.integers(0, 3, generator.integers(1, 6))]).astype(np.int32),
            len(prompt),
            place,
        )
        for place in range(generator.integers(1, 7))
    ]
    seen: dict[int, list[tuple[tuple[int, ...], int]]] = {}
    for row in build_branched_rows(sequences, max_length):
        for output, target, place in zip(row.outputs, row.targets, row.places, strict=True):
            visible = [t for t in range(output + 1) if row.branches[t] in (0, row.branches[output])]
            assert [row.positions[t] for t in visible] == list(range(len(visible)))
            seen.setdefault(int(place), []).append((tuple(row.token_ids[visible].tolist()), int(target)))
    for sequence in sequences:
        tokens = sequence.token_ids.tolist()
        assert seen[sequence.place] == [(tuple(tokens[:t]), tokens[t]) for t in range(len(prompt), len(tokens))]


def test_batches_hold_every_row_once_within_their_limits():
    rows = [row for seed in range(5) for row in Evaluator(build_random_model("llama"), CPU)._build_rows(
        build_items(seed, 1).items[0], 0)]  # fmt: skip
    batches = list(group_rows(rows, 64, 64 * 20))
    assert sorted(id(row) for batch in batches for row in batch) == sorted(id(row) for row in rows)
    for batch in batches:
        longest = max(row.length for row in batch)
        assert len(batch) == 1 or longest * len(batch) <= 64
        assert len({row.has_branches for row in batch}) == 1


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Splits before blanks like the byte-level ones of real models; ``Ġ`` is the blank."""
    words = ["Q", ":", "A", "ĠA", "Ġyes", "Ġno", "yes", "no", "Ġwhy", "why", "?", "Ċ", "Ġ", "Ġnot", "t", "n", "o"]
    vocabulary = {word: index for index, word in enumerate(["<end>", *words])}
    backend = Tokenizer(models.BPE(vocabulary, [("n", "o"), ("Ġ", "no"), ("Ġno", "t")], ignore_merges=True))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")


def build_text_task(count: int = 4, **form) -> Task:
    items = tuple(TaskItem("why?", ("yes", "no"), (1.0, 0.0)) for _ in range(count))
    defaults = {"example_input_prefix": "Q: ", "example_output_prefix": "\nA: ", "append_choices_to_input": False}
    return Task("t", "", (), "", "bigbench", "", PromptFormat(**{**defaults, **form}), items)


def test_the_blank_before_an_option_belongs_to_its_first_token(tokenizer):
    encoded = encode_task(tokenizer, build_text_task(), 1, 0, 100)
    option = encoded.items[0].options[0]
    text = write_prompt(encoded.task, 0, draw_exemplars(encoded.task, 0, 1, 0), 0) + "yes"
    assert tokenizer.decode(option.token_ids) == tokenizer.decode(tokenizer(text)["input_ids"])
    assert tokenizer.convert_ids_to_tokens(option.token_ids[option.first_target :].tolist()) == ["Ġyes"]
    assert tokenizer.convert_ids_to_tokens(option.alone.tolist()) == ["<end>", "Ġyes"]


def test_an_option_that_melts_into_the_prompt_is_scored_with_what_it_melts_into(tokenizer):
    task = build_text_task(example_output_prefix=" no")
    task = Task(**{**vars(task), "items": tuple(TaskItem("why?", ("t", "yes"), (1.0, 0.0)) for _ in range(2))})
    option = encode_task(tokenizer, task, 0, 0, 100).items[0].options[0]
    assert tokenizer.convert_ids_to_tokens(option.token_ids[option.first_target :].tolist()) == ["Ġnot"]


def test_an_empty_prompt_begins_with_the_token_that_begins_texts(tokenizer):
    task = build_text_task(example_input_prefix="", example_output_prefix="")
    task = Task(**{**vars(task), "items": tuple(TaskItem("", ("yes", "no"), (1.0, 0.0)) for _ in range(2))})
    option = encode_task(tokenizer, task, 0, 0, 100).items[0].options[0]
    assert (option.token_ids.tolist(), option.first_target) == (tokenizer.convert_tokens_to_ids(["<end>", "yes"]), 1)
    speechless = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    with pytest.raises(BadInputError, match="item 0"):
        encode_task(speechless, task, 0, 0, 100)


def test_prompts_that_are_too_long_lose_exemplars_and_then_their_beginning(tokenizer):
    task = build_text_task(count=6)
    full = encode_task(tokenizer, task, 3, 0, 100).items[0]
    zero = encode_task(tokenizer, task, 0, 0, 100).items[0]
    length = max(len(option.token_ids) for option in full.options)
    short = max(len(option.token_ids) for option in zero.options)
    for context_length in range(2, length + 2):
        item = encode_task(tokenizer, task, 3, 0, context_length).items[0]
        longest = max(len(option.token_ids) for option in item.options)
        assert longest <= context_length + 1
        assert (item.exemplar_count == 3) == (context_length >= length - 1)
        assert item.truncated_token_count == max(0, short - (context_length + 1))
        for option, whole in zip(item.options, full.options, strict=True):
            assert whole.token_ids.tolist()[-len(option.token_ids) :] == option.token_ids.tolist()
            assert option.token_count == whole.token_count
    with pytest.raises(BadInputError, match="does not fit"):
        encode_task(tokenizer, Task(**{**vars(task), "items": tuple(
            TaskItem("why?", ("yes yes yes yes", "no"), (1.0, 0.0)) for _ in range(4))}), 0, 0, 3)  # fmt: skip


def test_small_models_run_on_one_thread_and_others_on_all():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for width, expected in ((10, 1), (1001, 2)):
            with limit_threads(torch.nn.Linear(width, 1000)):
                assert torch.get_num_threads() == expected
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_token_that_the_model_does_not_have_is_refused():
    task = build_items()
    options = list(task.items[0].options)
    options[0] = EncodedOption(np.asarray([1, VOCABULARY_SIZE], np.int32), 1, None)
    broken = EncodedTask(task.task, 2, 0, (EncodedItem(tuple(options), 2, 0), *task.items[1:]))
    with pytest.raises(BadInputError, match=str(VOCABULARY_SIZE)):
        Evaluator(build_random_model("gpt2"), CPU).score(broken)


def test_without_a_token_that_begins_texts_there_is_no_unconditional_score():
    task = build_items(item_count=2)
    items = tuple(
        EncodedItem(tuple(EncodedOption(o.token_ids, o.first_target, None) for o in item.options), 2, 0)
        for item in task.items
    )
    scores = Evaluator(build_random_model("gpt2"), CPU).score(EncodedTask(task.task, 2, 0, items))
    assert scores["unconditional_log_prob_nats"].null_count == scores.num_rows
    assert scores["log_prob_nats"].null_count == 0
