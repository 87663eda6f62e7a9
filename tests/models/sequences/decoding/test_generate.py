"""Texts are those of the equations and of transformers, and depend on nothing but models, prompt, decoding and seed."""

import itertools

import numpy as np
import pytest
import torch
from transformers import LogitsProcessor, LogitsProcessorList, TopPLogitsWarper

from tests.models.sequences.two_models import (
    FAMILIES,
    NEW_TOKEN_COUNT,
    build_model,
    build_two_models,
    draw_prompts,
    generate,
    interpolate,
    stack,
)
from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.sequences.decoding.configuration import PRESETS, Decoding, Sampling
from trailhouse.models.sequences.decoding.generated_text import Prompt
from trailhouse.models.sequences.decoding.gumbel_noise import draw_gumbel
from trailhouse.models.sequences.decoding.incremental_model import IncrementalModel

GREEDY, NUCLEUS = Sampling("greedy"), Sampling("nucleus", 0.9, 11)
BEGINNINGS = {"small_beginning_ids": (2,), "large_beginning_ids": (3, 4)}


class AddedNoise(LogitsProcessor):
    """Adds the noise of sampling for one prompt, so that the largest score is a random token."""

    def __init__(self, seed, prompt_id, first_length):
        self._seed, self._prompt_id, self._first_length = seed, prompt_id, first_length

    def __call__(self, input_ids, scores):
        token_ids = torch.arange(scores.shape[1])[None]
        position = input_ids.shape[1] - self._first_length
        return scores + draw_gumbel(self._seed, torch.tensor([self._prompt_id]), position, token_ids)


def generate_with_transformers(model, prompt, beginning, processors):
    start = torch.tensor([[*beginning, *prompt.token_ids.tolist()]])
    model.generation_config.eos_token_id = None
    texts = model.generate(
        start,
        attention_mask=torch.ones_like(start),
        max_new_tokens=NEW_TOKEN_COUNT,
        do_sample=False,
        logits_processor=LogitsProcessorList(processors),
        pad_token_id=0,
    )
    return texts[0, start.shape[1] :].tolist()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_large_model_alone_writes_what_transformers_writes(name):
    models, prompts = build_two_models(name), draw_prompts(6)
    greedy = generate(models, prompts, PRESETS["pl"], GREEDY, **BEGINNINGS)
    nucleus = generate(models, prompts, PRESETS["pl"], NUCLEUS, **BEGINNINGS)
    beginning = BEGINNINGS["large_beginning_ids"]
    for prompt, greedy_text, nucleus_text in zip(prompts, greedy, nucleus, strict=True):
        assert greedy_text.token_ids.tolist() == generate_with_transformers(models[1], prompt, beginning, [])
        noise = AddedNoise(NUCLEUS.seed, prompt.prompt_id, len(beginning) + len(prompt.token_ids))
        processors = [TopPLogitsWarper(NUCLEUS.top_p), noise]
        assert nucleus_text.token_ids.tolist() == generate_with_transformers(models[1], prompt, beginning, processors)
    assert stack(greedy).tolist() != stack(nucleus).tolist()


def predict(model, beginning, ids):
    with torch.inference_mode():
        row = torch.tensor([[*beginning, *ids]])
        return model(input_ids=row, use_cache=False).logits[0, -1].double().numpy()


@pytest.mark.parametrize("decoding", [*PRESETS.values(), Decoding("interpolated", -0.4, 0.9)], ids=lambda one: one.name)
@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_texts_are_those_of_a_plain_loop_over_both_models(name, decoding):
    models, prompts = build_two_models(name), draw_prompts(3)
    for text, prompt in zip(generate(models, prompts, decoding, GREEDY, **BEGINNINGS), prompts, strict=True):
        ids, small_log_probs, large_log_probs = prompt.token_ids.tolist(), [], []
        for _ in range(NEW_TOKEN_COUNT):
            small = predict(models[0], BEGINNINGS["small_beginning_ids"], ids)
            large = predict(models[1], BEGINNINGS["large_beginning_ids"], ids)
            log_small, log_large = (logits - np.logaddexp.reduce(logits) for logits in (small, large))
            if decoding.method == "contrastive":
                scores = np.where(log_large >= log_large.max() + np.log(0.1), log_large - log_small, -np.inf)
            else:
                scores = interpolate(small, large, decoding.small_weight, decoding.large_weight)
            ids.append(int(scores.argmax()))
            small_log_probs.append(log_small[ids[-1]])
            large_log_probs.append(log_large[ids[-1]])
        assert text.token_ids.tolist() == ids[len(prompt.token_ids) :]
        np.testing.assert_allclose(text.small_log_prob_nats, small_log_probs, atol=2e-4)
        np.testing.assert_allclose(text.large_log_prob_nats, large_log_probs, atol=2e-4)
        assert not text.is_fallback.any()


@pytest.mark.parametrize(
    ("preset", "sampling"), [("ps-pl", NUCLEUS), ("contrastive", GREEDY)], ids=["ps-pl", "contrastive"]
)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_text_does_not_depend_on_its_batch_on_the_other_prompts_or_on_a_cache(name, preset, sampling, monkeypatch):
    models, prompts, decoding = build_two_models(name), draw_prompts(32), PRESETS[preset]
    together = generate(models, prompts, decoding, sampling)
    alone = generate(models, prompts[:10], decoding, sampling, batch_size=1)
    assert stack(alone).tolist() == stack(together[:10]).tolist()
    reordered = generate(models, prompts[::-1][:20], decoding, sampling, batch_size=7)
    assert stack(reordered).tolist() == stack(together[::-1][:20]).tolist()
    monkeypatch.setattr(IncrementalModel, "_read_with_cache", lambda *_: None)
    uncached = generate(models, prompts, decoding, sampling)
    assert stack(uncached).tolist() == stack(together).tolist()
    for one, other in zip(together, uncached, strict=True):
        np.testing.assert_allclose(one.small_log_prob_nats, other.small_log_prob_nats, atol=2e-4)
        np.testing.assert_allclose(one.large_log_prob_nats, other.large_log_prob_nats, atol=2e-4)


def test_texts_of_half_precision_models_do_not_depend_on_the_batch_either():
    models, prompts = [model.bfloat16() for model in build_two_models("gpt_neox")], draw_prompts(8)
    together = generate(models, prompts, PRESETS["ps-pl"], NUCLEUS)
    alone = generate(models, prompts, PRESETS["ps-pl"], NUCLEUS, batch_size=1)
    assert stack(alone).tolist() == stack(together).tolist()


def test_a_seed_gives_the_same_texts_again_and_other_seeds_give_others():
    models, prompts = build_two_models("gpt_neox"), draw_prompts(8)
    torch.manual_seed(1)
    texts = stack(generate(models, prompts, PRESETS["pl-ps"], NUCLEUS))
    torch.manual_seed(2)
    assert stack(generate(models, prompts, PRESETS["pl-ps"], NUCLEUS)).tolist() == texts.tolist()
    others = stack(generate(models, prompts, PRESETS["pl-ps"], Sampling("nucleus", 0.9, 12)))
    assert (others != texts).any(1).all()
    same_tokens = [Prompt(index, prompts[0].token_ids) for index in range(8)]
    drawn = stack(generate(models, same_tokens, PRESETS["pl-ps"], NUCLEUS))
    assert len(np.unique(drawn, axis=0)) == 8, "prompts with equal tokens have noise of their own"


@pytest.mark.parametrize("name", ["gpt_neox", "rwkv"])
def test_a_model_against_itself_leaves_no_mass_and_writes_its_own_greedy_text(name):
    model, prompts = build_model(name, 1), draw_prompts(3)
    greedy = generate((model, model), prompts, PRESETS["pl"], GREEDY)
    for decoding, sampling in itertools.product([PRESETS["ps-pl"], PRESETS["pl-ps"]], [GREEDY, NUCLEUS]):
        texts = generate((model, model), prompts, decoding, sampling)
        assert stack(texts).tolist() == stack(greedy).tolist()
        assert all(text.is_fallback.all() for text in texts)
    assert not any(text.is_fallback.any() for text in greedy)


def test_close_choices_are_made_again_and_counted():
    model, other = build_two_models("gpt_neox")
    with torch.no_grad():
        for one in (model, other):
            one.lm_head.weight[50:90] = one.lm_head.weight[10:50]  # pairs of tokens with equal probability
    prompts = draw_prompts(32)
    texts = generate((model, other), prompts, PRESETS["pl"], GREEDY)
    assert sum(text.close_decision_count for text in texts) > 32
    alone = generate((model, other), prompts, PRESETS["pl"], GREEDY, batch_size=1)
    assert stack(alone).tolist() == stack(texts).tolist()


def test_a_batch_with_larger_errors_than_expected_is_generated_again_with_a_larger_tolerance():
    models, prompts = build_two_models("gpt_neox"), draw_prompts(16)
    expected = stack(generate(models, prompts, PRESETS["ps-pl"], NUCLEUS, new_token_count=26))
    original, lengths = models[1].gpt_neox.forward, []

    def remember_length(*args, past_key_values=None, **options):
        lengths.append(0 if past_key_values is None else past_key_values.get_seq_length())
        return original(*args, past_key_values=past_key_values, **options)

    def change_late_logits(_module, _inputs, logits):
        # beyond the length of the trial, and less than what rounding may explain
        return logits + 6e-4 * torch.arange(VOCABULARY_SIZE).sin() if lengths[-1] > 20 else logits

    models[1].gpt_neox.forward = remember_length
    models[1].lm_head.register_forward_hook(change_late_logits)
    counts = []
    texts = generate(models, prompts, PRESETS["ps-pl"], NUCLEUS, new_token_count=26, progress=counts.append)
    assert stack(texts).tolist() == expected.tolist()
    assert counts.count(-16 * 26) == 1
    assert sum(counts) == 16 * 26


def test_log_probabilities_are_multiples_of_a_ten_thousandth():
    (text, *_) = generate(build_two_models("gpt_neox"), draw_prompts(2), PRESETS["ps+pl"], NUCLEUS)
    for values in (text.small_log_prob_nats, text.large_log_prob_nats):
        assert values.dtype == np.float32
        assert np.array_equal(values, (np.rint(values.astype(np.float64) * 1e4) / 1e4).astype(np.float32))
    assert (text.token_ids.dtype, text.is_fallback.dtype) == (np.int32, np.bool_)


def test_no_token_ends_a_text_and_no_token_is_beyond_the_tokenizer():
    models = build_two_models("gpt_neox")
    with torch.no_grad():
        models[1].lm_head.weight[0] = 0  # the end of a text; with no bias, its logit is 0
    prompts = draw_prompts(16)
    texts = generate(models, prompts, PRESETS["pl"], Sampling("nucleus", 1.0), vocabulary_size=4)
    assert set(np.unique(stack(texts))) == {0, 1, 2, 3}
    assert {len(text.token_ids) for text in texts} == {NEW_TOKEN_COUNT}


def test_models_may_have_different_numbers_of_logits():
    models = (build_model("gpt_neox", 1), build_model("gpt_neox", 2, vocab_size=128))
    texts = generate(models, draw_prompts(8), PRESETS["pl"], Sampling("nucleus", 1.0))
    assert stack(texts).max() < VOCABULARY_SIZE


def test_a_batch_that_does_not_fit_the_memory_is_halved_and_its_tokens_are_counted_once(monkeypatch):
    models, prompts = build_two_models("gpt_neox"), draw_prompts(9)
    expected = stack(generate(models, prompts, PRESETS["ps-pl"], NUCLEUS))
    original = models[1].gpt_neox.forward

    def run_out(input_ids, past_key_values=None, **options):
        is_late = past_key_values is not None and past_key_values.get_seq_length() > 8
        if input_ids.shape[0] > 2 and is_late:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(input_ids, past_key_values=past_key_values, **options)

    monkeypatch.setattr(models[1].gpt_neox, "forward", run_out)
    counts = []
    texts = generate(models, prompts, PRESETS["ps-pl"], NUCLEUS, batch_size=8, progress=counts.append)
    assert stack(texts).tolist() == expected.tolist()
    assert sum(counts) == 9 * NEW_TOKEN_COUNT
    assert min(counts) < 0
    assert max(counts[-9:]) <= 2


def test_a_text_that_does_not_fit_the_memory_alone_is_refused(monkeypatch):
    models, prompts = build_two_models("gpt_neox"), draw_prompts(2)
    original, calls = models[1].gpt_neox.forward, []

    def run_out(*args, **options):
        calls.append(1)
        if len(calls) > 30:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(*args, **options)

    monkeypatch.setattr(models[1].gpt_neox, "forward", run_out)
    with pytest.raises(UsageError, match="do not fit the memory"):
        generate(models, prompts, PRESETS["pl"], GREEDY, new_token_count=27)


def test_texts_come_in_batches_in_the_order_of_the_prompts_and_report_progress():
    models, prompts = build_two_models("gpt_neox"), draw_prompts(7, first_id=40)
    counts = []
    texts = generate(models, prompts, PRESETS["pl"], GREEDY, batch_size=3, progress=counts.append)
    assert [text.prompt_id for text in texts] == list(range(40, 47))
    assert counts == [3] * 12 + [3] * 12 + [1] * 12
    assert generate(models, [], PRESETS["pl"], GREEDY) == []


def test_a_model_without_a_usable_cache_is_named():
    notes = []
    models = (build_model("gpt_neox", 1), build_model("phi3", 2))  # phi3 switches its frequencies after 12 tokens
    generate(models, draw_prompts(2), PRESETS["pl"], GREEDY, note=notes.append)
    assert notes == ["the large model (Phi3ForCausalLM) runs without a cache, which takes longer"]


@pytest.mark.parametrize("which", [0, 1], ids=["small", "large"])
def test_a_model_whose_cache_fails_only_on_long_texts_is_refused(which):
    models = build_two_models("gpt_neox")
    original = models[which].gpt_neox.forward

    def forget(*args, past_key_values=None, **options):
        if past_key_values is not None and past_key_values.get_seq_length() == 24:
            past_key_values.layers[0].keys.mul_(0.5)
        return original(*args, past_key_values=past_key_values, **options)

    models[which].gpt_neox.forward = forget
    with pytest.raises(BadInputError, match=f"the {('small', 'large')[which]} model .* token by token than at once"):
        generate(models, draw_prompts(2), PRESETS["pl"], GREEDY, new_token_count=27)


def test_log_probabilities_that_are_not_finite_are_refused():
    models = build_two_models("gpt_neox")
    with torch.no_grad():
        models[0].lm_head.weight[5] = float("inf")
    with pytest.raises(BadInputError, match=r"the small model .* not finite"):
        generate(models, draw_prompts(2), PRESETS["pl"], GREEDY)


def test_a_model_that_is_not_causal_is_refused():
    models = (build_model("gpt_neox", 1), build_random_model("bert"))
    with pytest.raises(BadInputError, match="no causal language model"):
        generate(models, draw_prompts(2), PRESETS["pl"], GREEDY)


def change(prompts, index, prompt_id, ids):
    return [*prompts[:index], Prompt(prompt_id, np.array(ids, np.int32)), *prompts[index + 1 :]]


PROMPTS = draw_prompts(3)


@pytest.mark.parametrize(
    ("prompts", "options", "words"),
    [
        (
            PROMPTS,
            {"new_token_count": 28},
            "the small model (GPTNeoXForCausalLM) has 32 positions, too few for a prompt",
        ),
        (PROMPTS, {"new_token_count": 26, "large_beginning_ids": (1, 2)}, "the large model"),
        (PROMPTS, {"new_token_count": 26, "large_beginning_ids": (1, 2)}, "a beginning of 2, a prompt of 5 and 26 new"),
        (PROMPTS, {"new_token_count": 26, "large_beginning_ids": (1, 2)}, "generate at most 25 tokens"),
        (PROMPTS, {"new_token_count": 0}, "0 tokens are to be generated"),
        (PROMPTS, {"batch_size": 0}, "the batch size is 0"),
        (change(PROMPTS, 1, 9, [1, 2, 3]), {}, "prompt 9 has 3 tokens, and prompt 0 has 5"),
        (change(PROMPTS, 0, 9, []), {}, "prompt 9 has no tokens"),
        (
            change(PROMPTS, 1, 9, [1, 2, 97, 3, 4]),
            {},
            "prompt 9 has token ids outside the 97 tokens of the small model",
        ),
        (change(PROMPTS, 1, 9, [1, 2, -1, 3, 4]), {}, "prompt 9 has token ids outside"),
        (change(PROMPTS, 2, 0, [1, 2, 5, 3, 4]), {}, "prompt 0 occurs twice"),
    ],
)
def test_prompts_and_lengths_that_do_not_fit_are_refused_in_one_line(prompts, options, words):
    with pytest.raises(BadInputError) as caught:
        generate(build_two_models("gpt_neox"), prompts, PRESETS["pl"], GREEDY, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_texts_may_fill_all_positions_of_a_model():
    (text,) = generate(build_two_models("gpt_neox"), draw_prompts(1), PRESETS["pl"], GREEDY, new_token_count=27)
    assert len(text.token_ids) == 27
