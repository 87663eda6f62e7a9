"""Two tiny random models that differ, prompts for them, and a direct implementation of the decoding in float64."""

import numpy as np
import torch

from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from tests.support.spread_weights import spread_weights
from trailhouse.models.sequences.decoding.generate import generate_texts
from trailhouse.models.sequences.decoding.generated_text import Prompt

FAMILIES = ("gpt_neox", "opt", "mamba", "rwkv")
NEW_TOKEN_COUNT = 12


def build_model(name, seed, **fields):
    model = build_random_model(name, seed, **fields)
    spread_weights(model, seed)
    return model


def build_two_models(name):
    return build_model(name, 1), build_model(name, 2)


def draw_prompts(count, length=5, first_id=0):
    generator = np.random.default_rng(17)
    ids = generator.integers(1, VOCABULARY_SIZE, (count, length)).astype(np.int32)
    return [Prompt(first_id + index, row) for index, row in enumerate(ids)]


def generate(models, prompts, decoding, sampling, new_token_count=NEW_TOKEN_COUNT, **options):
    batches = generate_texts(*models, prompts, new_token_count, decoding, sampling, **options)
    return [text for batch in batches for text in batch]


def stack(texts):
    return np.stack([text.token_ids for text in texts])


def draw_logits(row_count, column_count, seed):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(row_count, column_count, generator=generator)


def softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def interpolate(small_logits, large_logits, small_weight, large_weight):
    """Return the distributions of equations 2 and 3, computed in float64."""
    combined = small_weight * softmax(np.float64(small_logits)) + large_weight * softmax(np.float64(large_logits))
    positive = np.where(combined > 0, combined, 0.0)
    return positive / positive.sum(-1, keepdims=True)
