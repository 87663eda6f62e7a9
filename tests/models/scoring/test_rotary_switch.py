"""Scores do not depend on the other texts of a batch, even if rotary frequencies depend on the length of the text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, Phi3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from tests.support.architectures import VOCABULARY_SIZE, build_random_model, configure
from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.few_shot.option_batches import ScoredSequence, build_plain_rows, group_rows
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.windows import Window, group_windows
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

LOSSLESS = ScoringSettings(quanta_per_nat=0, device="cpu")
LENGTHS = (5, 13, 14, 20, 12, 9)  # the last token is not read; the frequencies change above 12 tokens


def draw_documents(seed: int = 0) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    return tuple(generator.integers(0, VOCABULARY_SIZE, length).astype(np.int32) for length in LENGTHS)


def score_documents(model, documents) -> list[np.ndarray]:
    corpus = TokenizedCorpus("random", "none", documents)
    batches = list(score_corpus(model, corpus, LOSSLESS))
    scores = np.concatenate([restore_log_probs(batch["log_prob_quanta"].to_numpy(), 0) for batch in batches])
    return np.split(scores, np.cumsum([len(tokens) - 1 for tokens in documents])[:-1])


@torch.no_grad()
def score_one(model, tokens: np.ndarray) -> np.ndarray:
    """The log-probabilities of the tokens after the first, from one forward pass of one sequence, in float64."""
    ids = torch.from_numpy(tokens.astype(np.int64))
    return model(input_ids=ids[None, :-1]).logits[0].double().log_softmax(-1).gather(-1, ids[1:, None])[:, 0].numpy()


# Every rope type of transformers, in two families of models
ROPE_PARAMETERS = [
    {"rope_type": "default", "rope_theta": 1e4},
    {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0},
    {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0},
    {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 12},
    {
        "rope_type": "llama3",
        "rope_theta": 1e4,
        "factor": 2.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 12,
    },
    configure("phi3").rope_parameters,
]


def test_every_rope_type_of_transformers_is_tried():
    tried = {parameters["rope_type"] for parameters in ROPE_PARAMETERS}
    # "proportional" is "default" for a part of the dimensions
    assert tried == {"default", *ROPE_INIT_FUNCTIONS} - {"proportional"}


@pytest.mark.parametrize("name", ["llama", "phi3"])
@pytest.mark.parametrize("parameters", ROPE_PARAMETERS, ids=lambda parameters: parameters["rope_type"])
def test_a_document_has_the_scores_it_has_alone_whatever_shares_its_batch(name, parameters):
    model, documents = build_random_model(name, rope_parameters=dict(parameters)), draw_documents()
    together = score_documents(model, documents)
    for tokens, scores in zip(documents, together, strict=True):
        np.testing.assert_allclose(scores, score_one(model, tokens), atol=5e-5)


@torch.no_grad()
def test_the_frequencies_of_the_tiny_model_do_change():
    model = build_random_model("phi3")
    ids = torch.from_numpy(draw_documents()[3].astype(np.int64))
    short, long = model(input_ids=ids[None, :12]).logits[0], model(input_ids=ids[None, :13]).logits[0, :12]
    assert (short - long).abs().max() > 0.1


def test_options_of_different_lengths_have_the_scores_they_have_alone():
    model, documents = build_random_model("phi3"), draw_documents(seed=1)
    evaluator = Evaluator(model, LOSSLESS)
    sequences = [ScoredSequence(tokens, 2, index) for index, tokens in enumerate(documents)]
    scores = evaluator._score_rows(build_plain_rows(sequences), len(sequences), lambda _: None)
    expected = [score_one(model, tokens)[1:].sum() for tokens in documents]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_windows_and_rows_on_both_sides_of_the_switch_share_no_batch():
    windows = [Window(index, 0, 1, length) for index, length in enumerate(LENGTHS)]
    lengths = [[window.input_length for window in batch] for batch in group_windows(windows, 1000, None, 12)]
    assert lengths == [[19, 13], [12, 11, 8, 4]]
    assert len(list(group_windows(windows, 1000))) == 1
    rows = build_plain_rows([ScoredSequence(tokens, 1, 0) for tokens in draw_documents()])
    assert [[row.length for row in batch] for batch in group_rows(rows, 1000, 1000, 12)] == lengths


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (configure("phi3"), 12),
        (configure("llama"), None),
        (configure("mamba"), None),
        (LlamaConfig(rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}), None),
        (LlamaConfig(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}), None),
    ],
)
def test_only_longrope_has_a_switch_length(config, expected):
    assert find_switch_length(config) == expected


def test_the_smallest_length_of_all_types_of_layers_counts():
    config = Phi3Config()
    config.rope_parameters = {
        "full_attention": {"rope_type": "longrope", "original_max_position_embeddings": 64},
        "sliding_attention": {"rope_type": "longrope", "original_max_position_embeddings": 32},
    }
    assert find_switch_length(config) == 32
