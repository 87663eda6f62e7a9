from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.support.architectures import CONTEXT_LENGTH, VOCABULARY_SIZE, build_random_model
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.scoring import score_corpus as score_corpus_module
from trailhouse.models.scoring.forward import inspect_forward_pass
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.token_scores import SCORE_SCHEMA
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

LOSSLESS = ScoringSettings(quanta_per_nat=0, with_entropy=True, with_target_rank=True)
PLAIN_HEADS = (
    "gpt_neox",
    "gpt_neo",
    "gpt2",
    "opt",
    "llama",
    "qwen2",
    "qwen3",
    "olmo2",
    "phi",
    "bloom",
    "mamba",
    "mamba2",
    "rwkv",
)
OTHER_HEADS = ("gemma2", "cohere")


def make_corpus(lengths, seed=0) -> TokenizedCorpus:
    generator = np.random.default_rng(seed)
    documents = [generator.integers(0, VOCABULARY_SIZE, length).astype(np.int32) for length in lengths]
    return TokenizedCorpus("random", "none", tuple(documents))


def score(model, corpus, settings=LOSSLESS) -> pa.Table:
    batches = list(score_corpus(model, corpus, settings))
    return pa.Table.from_batches(batches, SCORE_SCHEMA)


def log_probs(table: pa.Table) -> np.ndarray:
    quanta_per_nat = table["quanta_per_nat"][0].as_py()
    return restore_log_probs(table["log_prob_quanta"].to_numpy(), quanta_per_nat)


@torch.no_grad()
def score_naively(model, corpus, context_length=CONTEXT_LENGTH, stride=CONTEXT_LENGTH // 2):
    """Return (document, position, log-prob, entropy, rank) of every position, by one forward pass each, in float64."""
    expected = []
    for document_id, tokens in enumerate(corpus.token_ids):
        for position in range(1, len(tokens)):
            start = 0
            if position > context_length:
                windows_before = (position - context_length - 1) // stride
                start = (windows_before + 1) * stride
            inputs = torch.from_numpy(tokens[start:position].astype(np.int64))[None]
            distribution = model(input_ids=inputs).logits[0, -1].double().log_softmax(-1)
            target = distribution[int(tokens[position])]
            entropy = -(distribution.exp() * distribution).nan_to_num().sum()
            expected.append((document_id, position, target.item(), entropy.item(), int((distribution > target).sum())))
    return expected


@pytest.mark.parametrize("name", PLAIN_HEADS + OTHER_HEADS)
def test_scores_are_those_of_one_forward_pass_per_position(name):
    model = build_random_model(name)
    corpus = make_corpus([3, CONTEXT_LENGTH + 1, 2 * CONTEXT_LENGTH + 7, 1, 11])
    settings = ScoringSettings(
        quanta_per_nat=0, with_entropy=True, with_target_rank=True, context_length=CONTEXT_LENGTH
    )
    table = score(model, corpus, settings)
    expected = score_naively(model, corpus)
    assert table["document_id"].to_pylist() == [row[0] for row in expected]
    assert table["position"].to_pylist() == [row[1] for row in expected]
    np.testing.assert_allclose(log_probs(table), [row[2] for row in expected], atol=1e-4)
    np.testing.assert_allclose(table["entropy_nats"].to_numpy(), [row[3] for row in expected], atol=1e-4)
    assert table["target_rank"].to_pylist() == [row[4] for row in expected]


@pytest.mark.parametrize("name", PLAIN_HEADS)
def test_a_linear_lm_head_is_recognised(name):
    assert inspect_forward_pass(build_random_model(name), torch.arange(16), CONTEXT_LENGTH).body is not None


@pytest.mark.parametrize("name", OTHER_HEADS)
def test_a_model_that_changes_its_logits_is_run_as_a_whole(name):
    assert inspect_forward_pass(build_random_model(name), torch.arange(16), CONTEXT_LENGTH).body is None


def test_a_model_that_is_run_as_a_whole_has_small_batches():
    """A batch may have 256 MiB of logits: 2**26 float32 numbers. Each token has 97, the size of the vocabulary."""
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    tokens = torch.arange(16)
    with torch.inference_mode():
        plain = inspect_forward_pass(build_random_model("gpt_neox"), tokens, CONTEXT_LENGTH)
        other = inspect_forward_pass(build_random_model("cohere"), tokens, CONTEXT_LENGTH)
    assert plain.choose_batch_tokens(None, cpu) == other.choose_batch_tokens(None, cpu) == 4_096
    assert plain.choose_batch_tokens(None, gpu) == 32_768
    assert plain.choose_batch_tokens(10**9, cpu) == 10**9
    assert other.choose_batch_tokens(10**9, cpu) == 2**26 // VOCABULARY_SIZE
    assert other.choose_batch_tokens(7, cpu) == 7
    large = dataclasses.replace(other, vocabulary_size=2**27)
    assert large.choose_batch_tokens(None, gpu) == 1


@pytest.mark.parametrize("name", ["gpt_neox", "gpt_neo", "opt", "mamba", "mamba2", "rwkv"])
def test_scores_do_not_depend_on_the_batch_size(name):
    model = build_random_model(name)
    corpus = make_corpus([5, 40, 90, 17, 2, 33, 64])
    reference = log_probs(score(model, corpus, ScoringSettings(quanta_per_nat=0, max_batch_tokens=1)))
    for max_batch_tokens in (40, 100, 10_000):
        scores = log_probs(score(model, corpus, ScoringSettings(quanta_per_nat=0, max_batch_tokens=max_batch_tokens)))
        np.testing.assert_allclose(scores, reference, atol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler warns of torch's own code
def test_the_compiled_module_is_the_one_that_runs_and_scores_the_same(monkeypatch):
    """In OPT, the decoder inside the base model runs, so it is compiled. The eager backend saves half a minute."""
    traced = functools.partialmethod(torch.nn.Module.compile, backend="eager")
    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    corpus = make_corpus([20])
    expected = log_probs(score(build_random_model("opt"), corpus))
    torch._dynamo.utils.counters.clear()
    scores = log_probs(score(build_random_model("opt"), corpus, dataclasses.replace(LOSSLESS, is_compiled=True)))
    assert torch._dynamo.utils.counters["stats"]["calls_captured"] > 0
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_appending_text_does_not_change_earlier_scores():
    model = build_random_model("llama")
    whole = make_corpus([100])
    part = TokenizedCorpus("part", "none", (whole.token_ids[0][:61],))
    np.testing.assert_allclose(log_probs(score(model, part)), log_probs(score(model, whole))[:60], atol=1e-5)


def test_a_model_with_equal_logits_gives_the_logarithm_of_the_vocabulary_size():
    model = build_random_model("gpt_neox")
    torch.nn.init.zeros_(model.get_output_embeddings().weight)
    table = score(model, make_corpus([50]))
    np.testing.assert_allclose(log_probs(table), -math.log(VOCABULARY_SIZE), atol=1e-6)
    np.testing.assert_allclose(table["entropy_nats"].to_numpy(), math.log(VOCABULARY_SIZE), atol=1e-6)
    assert set(table["target_rank"].to_pylist()) == {0}


def test_a_head_of_known_distribution_gives_its_closed_form():
    """Every last hidden state is 1/32 in each of its 32 dimensions, and row v of the head is c_v in each.

    So the logit of token v is c_v, and its probability is exp(c_v) / sum exp(c).
    """
    model = build_random_model("gpt_neox")
    norm = model.gpt_neox.final_layer_norm
    torch.nn.init.zeros_(norm.weight)
    torch.nn.init.constant_(norm.bias, 1 / 32)
    preference = torch.linspace(-3, 3, VOCABULARY_SIZE)
    model.get_output_embeddings().weight.data = preference[:, None].repeat(1, 32)
    corpus = make_corpus([40])
    expected = preference.double().log_softmax(-1).numpy()[corpus.token_ids[0][1:]]
    table = score(model, corpus)
    np.testing.assert_allclose(log_probs(table), expected, atol=1e-5)
    assert table["target_rank"].to_pylist() == [VOCABULARY_SIZE - 1 - token for token in corpus.token_ids[0][1:]]


def test_rounding_moves_a_score_by_half_a_quantum_at_most():
    model = build_random_model("gpt_neox")
    corpus = make_corpus([40, 20])
    exact = log_probs(score(model, corpus))
    for quanta_per_nat in (10_000, 1_000):
        rounded = log_probs(score(model, corpus, ScoringSettings(quanta_per_nat=quanta_per_nat)))
        np.testing.assert_allclose(rounded, exact, atol=0.5 / quanta_per_nat + 1e-5)


def test_entropy_and_rank_are_null_unless_asked_for():
    table = score(build_random_model("gpt_neox"), make_corpus([9]), ScoringSettings())
    assert table["entropy_nats"].null_count == table["target_rank"].null_count == 8


def test_half_precision_weights_still_give_float32_scores():
    model = build_random_model("gpt_neox")
    corpus = make_corpus([40])
    exact = log_probs(score(model, corpus))
    rough = log_probs(score(model.to(torch.bfloat16), corpus, ScoringSettings(dtype="bfloat16", quanta_per_nat=0)))
    assert np.abs(rough - exact).max() < 1.0
    assert len(np.unique(rough)) == len(np.unique(exact))  # rounding to bfloat16 would make some equal


def test_progress_adds_up_to_the_positions_of_the_corpus():
    corpus = make_corpus([5, 40, 90, 1])
    counts = []
    list(score_corpus(build_random_model("gpt_neox"), corpus, ScoringSettings(max_batch_tokens=64), counts.append))
    assert len(counts) > 1
    assert sum(counts) == corpus.position_count


def test_documents_without_a_second_token_give_no_rows():
    assert score(build_random_model("gpt_neox"), make_corpus([1, 0, 1])).num_rows == 0


def test_many_documents_come_in_order_over_several_sections(monkeypatch):
    monkeypatch.setattr("trailhouse.models.scoring.score_corpus.MAX_SECTION_POSITIONS", 50)
    corpus = make_corpus([30, 1, 30, 60, 2, 5, 49, 3])
    model = build_random_model("gpt_neox")
    batches = list(score_corpus(model, corpus, LOSSLESS))
    assert max(batch.num_rows for batch in batches) <= 50
    table = pa.Table.from_batches(batches)
    rows = list(zip(table["document_id"].to_pylist(), table["position"].to_pylist(), strict=True))
    assert rows == [(index, position) for index, ids in enumerate(corpus.token_ids) for position in range(1, len(ids))]
    monkeypatch.undo()
    np.testing.assert_allclose(log_probs(table), log_probs(score(model, corpus)), atol=1e-4)


def test_batches_are_halved_until_they_fit_the_memory_and_stay_smaller(monkeypatch):
    """A section has at most four documents, so later sections show whether the smaller batch size is kept."""
    model = build_random_model("gpt_neox")
    corpus = make_corpus([20] * 9)
    expected = log_probs(score(model, corpus))
    shapes = []

    def run_out_of_memory(_, inputs):
        shapes.append(tuple(inputs[0].shape))
        if len(inputs[0]) > 2 and inputs[0].shape[1] == 19:
            raise torch.OutOfMemoryError("simulated")

    model.gpt_neox.embed_in.register_forward_pre_hook(run_out_of_memory)
    monkeypatch.setattr("trailhouse.models.scoring.score_corpus.MAX_SECTION_POSITIONS", 80)
    np.testing.assert_allclose(log_probs(score(model, corpus)), expected, atol=1e-4)
    # The inspection runs the model twice. Sections of 4, 4 and 1 documents follow; only the first tries four at once
    assert shapes[2:] == [(4, 19), (2, 19), (2, 19), (2, 19), (2, 19), (1, 19)]


def test_a_stride_of_the_whole_context_is_the_largest():
    model = build_random_model("gpt_neox")
    corpus = make_corpus([30])
    settings = ScoringSettings(quanta_per_nat=0, context_length=8, stride=8)
    expected = [row[2] for row in score_naively(model, corpus, context_length=8, stride=8)]
    np.testing.assert_allclose(log_probs(score(model, corpus, settings)), expected, atol=1e-4)
    with pytest.raises(UsageError, match="stride 33 is larger than the context of 32"):
        score(model, corpus, ScoringSettings(stride=CONTEXT_LENGTH + 1))
    assert score(model, corpus, ScoringSettings(stride=CONTEXT_LENGTH)).num_rows == 29


def test_a_window_that_does_not_fit_the_memory_at_all_is_named():
    model = build_random_model("gpt_neox")

    def run_out_of_memory(_, inputs):
        if inputs[0].shape[1] > 28:
            raise torch.OutOfMemoryError("simulated")

    corpus = make_corpus([30])
    model.gpt_neox.embed_in.register_forward_pre_hook(run_out_of_memory)
    with pytest.raises(UsageError, match="29 tokens at once do not fit"):
        score(model, corpus, ScoringSettings(context_length=29))


def test_a_score_that_is_not_finite_stops_the_scoring_without_rows():
    model = build_random_model("gpt_neox")
    model.get_input_embeddings().weight.data[13] = torch.inf
    corpus = TokenizedCorpus("bad", "none", (np.arange(10, 20, dtype=np.int32),))
    batches = score_corpus(model, corpus, ScoringSettings())
    with pytest.raises(BadInputError, match="document 0, position 1 is not finite"):
        next(batches)


def test_token_ids_beyond_the_vocabulary_are_refused():
    corpus = TokenizedCorpus("foreign", "abc", (np.asarray([1, VOCABULARY_SIZE], np.int32),))
    with pytest.raises(BadInputError, match=f"token id {VOCABULARY_SIZE} under tokenizer abc"):
        score(build_random_model("gpt_neox"), corpus)


def test_a_model_that_sees_the_future_is_refused(recwarn):
    with pytest.raises(BadInputError, match="no causal language model"):
        score(build_random_model("bert"), make_corpus([30]))


def test_a_context_beyond_the_positions_of_the_model_is_refused():
    with pytest.raises(UsageError, match="at most 32"):
        score(build_random_model("gpt_neox"), make_corpus([30]), ScoringSettings(context_length=64))


@pytest.mark.parametrize(
    "values",
    [
        {"dtype": "int8"},
        {"quanta_per_nat": 7},
        {"context_length": 0},
        {"stride": 0},
        {"max_batch_tokens": 0},
        {"context_length": 8, "stride": 9},
    ],
)
def test_values_that_are_not_allowed_are_refused(values):
    with pytest.raises(UsageError):
        ScoringSettings(**values)


def test_the_score_key_leaves_out_what_only_changes_the_speed():
    slow = ScoringSettings(max_batch_tokens=1, device="cpu")
    assert slow.as_record() == ScoringSettings().as_record()
    assert ScoringSettings(stride=5).as_record() != ScoringSettings().as_record()


def test_compilation_enters_the_score_key_only_if_it_is_on():
    assert "is_compiled" not in ScoringSettings().as_record()
    assert ScoringSettings(is_compiled=True).as_record() == {**ScoringSettings().as_record(), "is_compiled": True}


def test_a_section_has_about_a_million_positions_and_batches_a_size_that_suits_the_device():
    assert score_corpus_module.MAX_SECTION_POSITIONS == 1024**2
    assert score_corpus_module.ENOUGH_TOKENS == {"cpu": 512}
    assert score_corpus_module.ACCELERATOR_ENOUGH_TOKENS == 8_192
