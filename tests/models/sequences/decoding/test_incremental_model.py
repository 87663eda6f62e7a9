"""A model that reads token by token with its cache predicts the same as one that reads each text at once."""

import pytest
import torch

from tests.models.sequences.two_models import build_model
from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from trailhouse.models.sequences.decoding.incremental_model import IncrementalModel, TextReader

FAMILIES = ("gpt_neox", "gpt2", "opt", "bloom", "llama", "gemma2", "mamba", "mamba2", "rwkv")
BEGINNING = (3, 5)


def draw_texts(text_count, length, seed=0):
    return torch.randint(1, VOCABULARY_SIZE, (text_count, length), generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def read(incremental, texts, prompt_length):
    """Return the log-probabilities (B, S, V) after the prompts and after each further token."""
    reader = TextReader(incremental, texts[:, :prompt_length], texts.shape[1])
    predictions = [reader.predict()]
    for index in range(prompt_length, texts.shape[1]):
        reader.append(texts[:, index])
        predictions.append(reader.predict())
    return torch.stack(predictions, 1).log_softmax(-1)


@torch.inference_mode()
def read_at_once(model, beginning, texts, prompt_length):
    rows = torch.cat([torch.tensor([beginning], dtype=torch.int64).expand(len(texts), -1), texts], 1)
    return model(input_ids=rows, use_cache=False).logits.log_softmax(-1)[:, len(beginning) + prompt_length - 1 :]


@pytest.mark.parametrize("prompt_length", [1, 2, 5])
@pytest.mark.parametrize("name", FAMILIES)
def test_texts_read_with_a_cache_get_the_predictions_of_texts_read_at_once(name, prompt_length):
    model, texts = build_model(name, 1), draw_texts(3, 20)
    for beginning in ((), BEGINNING):
        incremental = IncrementalModel(model, beginning)
        incremental.try_cache(texts[0, :prompt_length], texts.shape[1])
        assert incremental.has_cache
        found = read(incremental, texts, prompt_length)
        torch.testing.assert_close(found, read_at_once(model, beginning, texts, prompt_length), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_with_a_cache_a_model_reads_only_the_new_tokens(name):
    model, texts = build_model(name, 1), draw_texts(3, 16)
    lengths = []
    model.get_input_embeddings().register_forward_hook(lambda _, inputs, output: lengths.append(output.shape[1]))
    read(IncrementalModel(model, ()), texts, 8)
    assert lengths == ([8, 9, *[2] * 7] if name == "rwkv" else [8, *[1] * 8])


def test_a_model_whose_cache_is_wrong_reads_the_whole_texts():
    model, texts = build_model("gpt_neox", 1), draw_texts(3, 16)
    incremental = IncrementalModel(model, ())
    original = model.gpt_neox.forward

    def forget(*args, past_key_values=None, **options):
        if past_key_values is not None:
            past_key_values.layers[0].keys.mul_(0.5)
        return original(*args, past_key_values=past_key_values, **options)

    model.gpt_neox.forward = forget
    incremental.try_cache(texts[0, :4], 16)
    assert not incremental.has_cache
    found = read(incremental, texts, 4)
    torch.testing.assert_close(found, read_at_once(model, (), texts, 4), rtol=1e-5, atol=1e-5)


def test_a_model_that_returns_no_cache_reads_the_whole_texts():
    model = build_random_model("bert", is_decoder=True)
    model.config.use_cache = False
    original = model.bert.forward
    model.bert.forward = lambda *args, **options: original(*args, **{**options, "use_cache": False})
    incremental, texts = IncrementalModel(model, ()), draw_texts(2, 12)
    incremental.try_cache(texts[0], 12)
    assert not incremental.has_cache
    torch.testing.assert_close(read(incremental, texts, 4), read_at_once(model, (), texts, 4), rtol=1e-5, atol=1e-5)


def test_a_text_that_passes_the_switch_length_is_read_without_a_cache():
    model = build_model("phi3", 1)  # more than 12 tokens have other rotary frequencies
    incremental, texts = IncrementalModel(model, (7,)), draw_texts(2, 20)
    incremental.try_cache(texts[0, :5], 11)
    assert incremental.has_cache
    incremental.try_cache(texts[0, :5], 12)
    assert not incremental.has_cache


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_one_text_alone_has_the_predictions_of_its_last_tokens(name):
    model, texts = build_model(name, 1), draw_texts(1, 12)
    found = IncrementalModel(model, BEGINNING).predict_alone(texts[0], 4).log_softmax(-1)
    torch.testing.assert_close(found, read_at_once(model, BEGINNING, texts, 9)[0])
