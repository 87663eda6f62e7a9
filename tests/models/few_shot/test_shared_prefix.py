"""Which models can read several options in one input after a shared prompt, and how long this input may be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig

from tests.support.architectures import CONTEXT_LENGTH, TRANSFORMER, build_random_model, configure
from tests.support.option_tasks import build_encoded_task, score_by_definition
from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.few_shot.option_batches import ScoredSequence, build_shared_prefix_rows
from trailhouse.models.few_shot.shared_prefix import build_inputs
from trailhouse.models.scoring.scoring_settings import ScoringSettings

CPU = ScoringSettings(device="cpu")
# Attention windows that the probe of a model does not notice: its single texts have fewer than 24 tokens, its row of
# several options fewer than 44. GPT-Neo counts its window in the order of the row, the others by the attention mask.
WINDOWS = {"gpt_neo": 44, "mistral": 24, "gemma2": 24}
LONG_CONTEXT = 80


def build_windowed_model(name: str):
    """Return a model with a context of 80 tokens, some of whose layers let a token see fewer."""
    config = MistralConfig(**TRANSFORMER, num_key_value_heads=1) if name == "mistral" else configure(name)
    config.max_position_embeddings = LONG_CONTEXT
    setattr(config, "window_size" if name == "gpt_neo" else "sliding_window", WINDOWS[name])
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config).eval()


def assert_scores_are_those_of_single_texts(model, task) -> None:
    scores = Evaluator(model, CPU).score(task)
    options = [option for item in task.items for option in item.options]
    expected = [score_by_definition(model, option.token_ids, option.first_target) for option in options]
    np.testing.assert_allclose(scores["log_prob_nats"], expected, atol=5e-5)


@pytest.mark.parametrize(
    ("name", "limit"), [("gpt_neox", CONTEXT_LENGTH), ("opt", CONTEXT_LENGTH), ("bloom", 0), ("rwkv", 0), ("mamba2", 0)]
)
def test_models_that_can_read_options_after_one_prompt_do(name, limit):
    assert Evaluator(build_random_model(name), CPU)._shared_prefix_limit == limit


@pytest.mark.parametrize("name", WINDOWS)
def test_prompts_beyond_an_attention_window_give_the_scores_of_single_texts(name):
    model = build_windowed_model(name)
    assert Evaluator(model, CPU)._shared_prefix_limit == WINDOWS[name]
    assert_scores_are_those_of_single_texts(model, build_encoded_task(item_count=3, prompt_length=(40, 41)))


@pytest.mark.parametrize("name", WINDOWS)
def test_rows_that_fill_an_attention_window_give_the_scores_of_single_texts(name):
    model, window = build_windowed_model(name), WINDOWS[name]
    task = build_encoded_task(item_count=8, prompt_length=(window - 12, window - 7))
    evaluator = Evaluator(model, CPU)
    lengths = [row.length for item in task.items for row in evaluator._build_rows(item, 0) if row.has_continuations]
    assert window - 2 <= max(lengths) <= window
    assert_scores_are_those_of_single_texts(model, task)


@pytest.mark.parametrize(
    ("key", "value", "limit"),
    [
        ("sliding_window", 20, 20),
        ("sliding_window_size", 20, 20),
        ("attention_window_size", 20, 20),
        ("window_size", 20, 20),
        ("keep_window_size", 20, 20),
        ("local_attention", 20, 20),
        ("attention_chunk_size", 20, 20),
        ("sliding_window", 2_000, CONTEXT_LENGTH),
        ("sliding_window", None, CONTEXT_LENGTH),
        ("sliding_window", -1, CONTEXT_LENGTH),
    ],
)
def test_a_window_of_the_configuration_limits_the_rows(key, value, limit):
    model = build_random_model("llama")
    setattr(model.config, key, value)
    assert Evaluator(model, CPU)._shared_prefix_limit == limit


@pytest.mark.parametrize("dropped", ["position_ids", "attention_mask"])
def test_a_model_that_takes_positions_and_masks_but_ignores_them_reads_each_option_with_its_prompt(dropped):
    model = build_random_model("gpt_neox")

    def drop(module, arguments, keywords):
        return arguments, {name: value for name, value in keywords.items() if name != dropped}

    model.gpt_neox.register_forward_pre_hook(drop, with_kwargs=True)
    assert Evaluator(model, CPU)._shared_prefix_limit == 0
    assert_scores_are_those_of_single_texts(model, build_encoded_task(item_count=3))


def test_a_model_that_refuses_positions_reads_each_option_with_its_prompt():
    model = build_random_model("gpt_neox")

    def refuse(module, arguments, keywords):
        if keywords.get("position_ids") is not None:
            raise ValueError("positions are not for me")

    model.gpt_neox.register_forward_pre_hook(refuse, with_kwargs=True)
    assert Evaluator(model, CPU)._shared_prefix_limit == 0
    assert_scores_are_those_of_single_texts(model, build_encoded_task(item_count=2))


def test_the_mask_hides_later_tokens_other_continuations_and_padding():
    sequences = [
        [ScoredSequence(np.asarray(tokens, np.int32), 2, i) for i, tokens in enumerate(texts)]
        for texts in ([[1, 2, 3, 4, 9], [1, 2, 5, 9]], [[1, 2, 3, 9], [1, 4, 9]])
    ]
    rows = [build_shared_prefix_rows(texts, 100)[0] for texts in sequences]
    mask = build_inputs(rows, torch.device("cpu"), torch.float32)["attention_mask"]
    assert mask.shape == (2, 1, 5, 5)
    assert set(mask.unique().tolist()) == {0.0, torch.finfo(torch.float32).min}
    # Prefix | continuation | continuation: row 0 holds 1 2 | 3 4 | 5, and row 1 holds 1 | 2 3 | 4 and padding
    assert (mask[:, 0] == 0).int().tolist() == [
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1]],
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1]],
    ]
