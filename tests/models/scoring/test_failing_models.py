"""Errors that a model raises while it runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.architectures import build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.scoring.failing_models import refusing_failures
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

CORPUS = TokenizedCorpus("random", "none", (np.arange(1, 25, dtype=np.int32),))
SETTINGS = ScoringSettings(device="cpu")


def fail_beyond(length: int):
    """Return a model with fewer positions than its configuration states."""
    model = build_random_model("gpt_neox")

    def fail(_, inputs):
        if inputs[0].shape[1] > length:
            raise IndexError("index out of range in self")

    model.gpt_neox.embed_in.register_forward_pre_hook(fail)
    return model


def test_a_model_that_fails_on_a_window_is_refused_with_its_error():
    with pytest.raises(BadInputError, match="GPTNeoXForCausalLM does not run on 23 tokens: IndexError: index out") as e:
        list(score_corpus(fail_beyond(20), CORPUS, SETTINGS))
    assert "--context-length" in e.value.hint


def test_a_model_that_fails_on_the_first_tokens_is_refused_with_its_error():
    with pytest.raises(BadInputError, match="does not run on 12 tokens"):
        list(score_corpus(fail_beyond(3), CORPUS, ScoringSettings(device="cpu", context_length=24)))
    with pytest.raises(BadInputError, match="does not run on 16 tokens"):
        Evaluator(fail_beyond(3), SETTINGS)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), torch.AcceleratorError("the device is lost")])
def test_errors_of_the_device_are_not_those_of_the_model(error):
    with pytest.raises(type(error)), refusing_failures(torch.nn.Identity(), torch.zeros(1, 3)):
        raise error
