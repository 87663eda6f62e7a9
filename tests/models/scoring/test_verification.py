"""A score is refused if it differs from the score of the same target computed alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.support.architectures import CONTEXT_LENGTH, VOCABULARY_SIZE, build_random_model
from tests.support.option_tasks import build_encoded_task
from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.few_shot.verified_options import verify_options
from trailhouse.models.scoring import verification as verification_module
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import (
    AloneScore,
    Verification,
    draw_rows,
    find_tolerance,
    make_generator,
    score_alone,
)
from trailhouse.models.scoring.verified_scores import verify_scores
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

SETTINGS = ScoringSettings(device="cpu")


@pytest.fixture
def corpus() -> TokenizedCorpus:
    """Documents of one token, of a few, and of more than two windows."""
    generator = np.random.default_rng(0)
    documents = [generator.integers(1, VOCABULARY_SIZE, length).astype(np.int32) for length in (1, 7, 80, 20)]
    return TokenizedCorpus("random", "none", tuple(documents))


def verify_all(model, corpus, settings, verification, batches=None) -> list[pa.RecordBatch]:
    """Score a corpus and verify every position."""
    batches = batches or list(score_corpus(model, corpus, settings))
    rows = np.arange(sum(batch.num_rows for batch in batches))
    return list(verify_scores(batches, model, corpus, settings, rows, verification))


@pytest.mark.parametrize("name", ["gpt_neox", "opt", "gemma2", "bloom", "phi3"])
@pytest.mark.parametrize("beginning", [(), (3,)])
def test_every_position_of_a_right_model_agrees_with_the_position_alone(name, beginning, corpus):
    settings = ScoringSettings(device="cpu", text_beginning_token_ids=beginning)
    model, verification = build_random_model(name), Verification()
    batches = list(score_corpus(model, corpus, settings))
    assert pa.Table.from_batches(verify_all(model, corpus, settings, verification, batches)) == pa.Table.from_batches(
        batches
    )
    assert verification.target_count == sum(max(0, len(tokens) - (not beginning)) for tokens in corpus.token_ids)
    assert 0 < verification.largest_difference_nats < 1.5e-4  # half a quantum, and rounding in float32


def test_a_score_that_differs_is_named_and_its_batch_is_not_passed_on(corpus):
    model = build_random_model("gpt_neox")
    (batch,) = score_corpus(model, corpus, SETTINGS)
    quanta = batch["log_prob_quanta"].to_numpy().copy()
    quanta[10] += 200  # 0.02 nats
    index = batch.schema.get_field_index("log_prob_quanta")
    changed = batch.set_column(index, batch.schema.field(index), pa.array(quanta))
    passed = verify_scores([changed], model, corpus, SETTINGS, np.array([3, 10]), Verification())
    with pytest.raises(BadInputError, match=r"document 2, position 5 has -\d\.\d{4} nats in its batch and") as raised:
        next(passed)
    assert "--verify 0" in raised.value.hint
    (unchanged,) = verify_scores([changed], model, corpus, SETTINGS, np.array([3, 11]), Verification())
    assert unchanged == changed


def test_a_model_that_reads_what_comes_later_is_refused(corpus, monkeypatch):
    model = build_random_model("gpt_neox")
    forward = model.base_model.forward

    def add_the_average(*arguments, **inputs):
        output = forward(*arguments, **inputs)
        output.last_hidden_state = output.last_hidden_state + output.last_hidden_state.mean(1, keepdim=True)
        return output

    batches = list(score_corpus(model, corpus, SETTINGS))
    monkeypatch.setattr(model.base_model, "forward", add_the_average)
    with pytest.raises(BadInputError, match="nats alone"):
        verify_all(model, corpus, SETTINGS, Verification(), batches)


def test_options_agree_and_one_that_differs_is_named():
    model, task, verification = build_random_model("gpt2"), build_encoded_task(), Verification()
    scores = Evaluator(model, SETTINGS).score(task)
    verify_options(scores, model, task, np.arange(scores.num_rows), verification)
    assert verification.target_count == scores.num_rows
    assert verification.largest_difference_nats < 1e-4
    column = scores.schema.get_field_index("log_prob_nats")
    shifted = pa.array(scores["log_prob_nats"].to_numpy() + np.float32(0.1))
    changed = scores.set_column(column, scores.schema.field(column), shifted)
    with pytest.raises(BadInputError, match=r"task 't', item 0, option 1 has"):
        verify_options(changed, model, task, np.array([1]), verification)


def test_the_tolerance_grows_with_the_log_probability_and_with_fewer_digits():
    assert find_tolerance(0.0, torch.float32) == 2e-3
    assert find_tolerance(-8.0, torch.float32) == 4e-3
    assert find_tolerance(-8.0, torch.bfloat16) == 0.5
    assert find_tolerance(0.0, torch.float16) == 0.05
    assert find_tolerance(8.0, torch.float64) == 0.5  # a type that is not listed has the tolerance of bfloat16


def test_a_score_that_is_not_finite_never_agrees():
    with pytest.raises(BadInputError, match="nan"):
        Verification().compare("it", float("nan"), AloneScore(-1.0, 0.0), torch.float32, 0.0)


def test_a_target_that_differs_is_not_counted_but_its_difference_is_kept():
    verification = Verification()
    verification.compare("it", -1.0, AloneScore(-1.0005, 0.0), torch.float32, 0.0)
    with pytest.raises(BadInputError):
        verification.compare("it", -1.0, AloneScore(-1.5, 0.0), torch.float32, 0.0)
    assert (verification.target_count, verification.largest_difference_nats) == (1, 0.5)


@pytest.mark.parametrize(("stored_rounding_nats", "alone_rounding_nats"), [(0.5, 0.0), (0.0, 0.5), (0.25, 0.25)])
def test_scores_may_differ_by_the_tolerance_and_both_roundings_together(stored_rounding_nats, alone_rounding_nats):
    """For -8 nats in float32, the tolerance is 0.004 nats, so that 0.504 nats are allowed here."""
    alone, verification = AloneScore(-8.0, alone_rounding_nats), Verification()
    verification.compare("it", -8.0 + 0.503, alone, torch.float32, stored_rounding_nats)
    verification.compare("it", -8.0 - 0.503, alone, torch.float32, stored_rounding_nats)
    with pytest.raises(BadInputError, match=r"a difference of 0\.504\d is allowed"):
        verification.compare("it", -8.0 - 0.505, alone, torch.float32, stored_rounding_nats)
    assert verification.target_count == 2


@pytest.mark.parametrize("wrong", [float("-inf"), float("inf"), float("nan")])
def test_a_score_alone_that_is_not_finite_never_agrees(wrong):
    with pytest.raises(BadInputError, match="alone"):
        Verification().compare("it", -1.0, AloneScore(wrong, 0.0), torch.float32, 0.0)
    with pytest.raises(BadInputError, match="alone"):
        Verification().compare("it", -1.0, AloneScore(wrong, abs(wrong)), torch.float32, 0.0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_large_logits_of_few_digits_are_not_taken_for_a_difference(dtype, corpus):
    """The logits are about -200, where neighbouring numbers of bfloat16 differ by 1."""
    model, verification = build_random_model("gpt2"), Verification()
    with torch.no_grad():
        direction = torch.ones(model.config.n_embd) / model.config.n_embd**0.5
        model.transformer.wte.weight += 10 * direction
        model.transformer.ln_f.bias -= 20 * direction
    settings = ScoringSettings(device="cpu", dtype=dtype)
    verify_all(model.to(getattr(torch, dtype)), corpus, settings, verification)
    assert verification.largest_difference_nats > find_tolerance(0.0, model.dtype)


@pytest.mark.parametrize("name", ["gpt_neox", "gpt2", "opt", "gemma2", "cohere", "bloom", "mamba", "mamba2", "rwkv"])
@pytest.mark.parametrize(("first_target", "end"), [(1, None), (4, None), (4, 9), (19, 20)])
def test_a_score_alone_is_the_plain_sum_in_float64(name, first_target, end, monkeypatch):
    monkeypatch.setattr(verification_module, "LOGIT_BLOCK_ROWS", 3)
    model, tokens = build_random_model(name), np.random.default_rng(1).integers(1, VOCABULARY_SIZE, 20)
    with torch.no_grad():
        log_probs = model(input_ids=torch.from_numpy(tokens[None, :-1])).logits[0].double().log_softmax(-1)
    expected = sum(float(log_probs[index - 1, tokens[index]]) for index in range(first_target, end or len(tokens)))
    assert score_alone(model, tokens.astype(np.int32), first_target, end).log_prob_nats == pytest.approx(
        expected, abs=1e-4
    )


class FixedLogits(torch.nn.Module):
    """A model of float32 that returns the same logits for every token."""

    dtype = torch.float32

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)
        self.embedding = torch.nn.Embedding(len(logits), 1)

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.embedding

    def forward(self, input_ids, use_cache):
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


@pytest.mark.parametrize(
    ("logits", "targets", "magnitude"),
    [([1.0, 3.0, -9.0], [1], 3.0), ([1.0, 3.0, -9.0], [2], 9.0), ([1.0, 3.0, -9.0], [0, 2, 2], 3.0 + 9.0 + 9.0)],
)
def test_the_rounding_of_a_score_is_that_of_the_larger_of_two_logits_for_each_target(logits, targets, magnitude):
    tokens = np.asarray([0, *targets], np.int32)
    alone = score_alone(FixedLogits(logits), tokens, 1)
    assert alone.rounding_nats == pytest.approx(2.0**-23 * magnitude)
    normaliser = np.log(np.exp(logits).sum())
    assert alone.log_prob_nats == pytest.approx(sum(logits[target] - normaliser for target in targets))


def test_the_largest_difference_of_all_targets_is_kept():
    verification = Verification()
    assert (verification.target_count, verification.largest_difference_nats) == (0, None)
    for difference, agrees in ((0.0, True), (0.3, False), (0.2, True)):
        verification.add(difference, agrees=agrees)
    assert (verification.target_count, verification.largest_difference_nats) == (2, 0.3)


def test_only_the_logits_of_the_targets_are_computed():
    model, rows = build_random_model("llama"), []
    model.lm_head.register_forward_hook(lambda _module, _inputs, output: rows.append(output.shape[1]))
    score_alone(model, np.arange(1, 21, dtype=np.int32), 17)
    assert rows == [3]


def test_the_same_key_draws_the_same_rows_and_never_more_than_there_are():
    drawn = draw_rows(100, 5, make_generator("ff" * 32))
    assert len(set(drawn.tolist())) == 5
    assert drawn.tolist() == sorted(draw_rows(100, 5, make_generator("ff" * 32)).tolist())
    assert drawn.tolist() != draw_rows(100, 5, make_generator("fe" * 32)).tolist()
    assert draw_rows(3, 5, make_generator("0")).tolist() == [0, 1, 2]
    assert draw_rows(3, 0, make_generator("0")).tolist() == []


def test_the_windows_of_the_corpus_are_more_than_one(corpus):
    assert max(len(tokens) for tokens in corpus.token_ids) > 2 * CONTEXT_LENGTH
