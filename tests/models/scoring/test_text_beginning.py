"""Scores of texts with a beginning, compared with lm-evaluation-harness's definition and with plain float64 loops."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.support.architectures import CONTEXT_LENGTH, VOCABULARY_SIZE, build_random_model
from tests.support.beginning_tokenizers import BOS_ID, EOS_ID, FAMILIES, build_family_tokenizer
from tests.support.option_tasks import score_by_definition
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.scoring.context_window import find_stride
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.token_scores import SCORE_SCHEMA
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.find_text_beginning import find_text_beginning
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.models.texts.tokenizer import tokenize_corpus

TEXTS = ("The cat sat on the mat.", "a", "Why? No one knows: it is so.")


def score(model, corpus: TokenizedCorpus, beginning: tuple[int, ...], **settings) -> pa.Table:
    chosen = {"quanta_per_nat": 0, "device": "cpu", "context_length": CONTEXT_LENGTH, **settings}
    batches = score_corpus(model, corpus, ScoringSettings(**chosen, text_beginning_token_ids=beginning))
    return pa.Table.from_batches(list(batches), SCORE_SCHEMA)


def log_probs(table: pa.Table) -> np.ndarray:
    return restore_log_probs(table["log_prob_quanta"].to_numpy(), 0)


def make_corpus(lengths, seed=0) -> TokenizedCorpus:
    generator = np.random.default_rng(seed)
    documents = [generator.integers(3, VOCABULARY_SIZE, length).astype(np.int32) for length in lengths]
    return TokenizedCorpus("random", "none", tuple(documents))


@torch.no_grad()
def score_naively(model, tokens: np.ndarray, beginning: tuple[int, ...], stride: int) -> list[float]:
    """Return the log-probability of every position of a document, by one forward pass each, in float64."""
    place_count = CONTEXT_LENGTH - len(beginning)
    expected = []
    for position in range(len(tokens)):
        windows_before = max(0, -(-(position - place_count) // stride))
        read = [*beginning, *tokens[windows_before * stride : position].tolist()]
        distribution = model(input_ids=torch.tensor([read])).logits[0, -1].double().log_softmax(-1)
        expected.append(distribution[int(tokens[position])].item())
    return expected


def harness_rolling(model, tokenizer, text: str) -> float:
    """Return the ``loglikelihood_rolling`` of lm-evaluation-harness for a text that fits the context.

    The prefix token (BOS, or else EOS) stands before the text, which is encoded without special tokens.
    """
    prefix = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    tokens = [prefix, *tokenizer.encode(text, add_special_tokens=False)]
    assert len(tokens) <= CONTEXT_LENGTH + 1
    return score_by_definition(model, np.asarray(tokens), 1)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_text_has_the_rolling_log_likelihood_of_the_harness(name):
    """The harness puts a token before every text, also before texts of GPT-NeoX and Qwen2, whose tokenizers do not."""
    model, tokenizer = build_random_model(name), build_family_tokenizer(name)
    corpus = Corpus("texts", "", "", tuple(Document(text, text) for text in TEXTS))
    kind = {"gpt_neox": "bos", "qwen2": "eos"}.get(name, "tokenizer")
    beginning = find_text_beginning(tokenizer, kind)
    table = score(model, tokenize_corpus(tokenizer, corpus), beginning.token_ids)
    sums = np.bincount(table["document_id"].to_numpy(), weights=log_probs(table))
    np.testing.assert_allclose(sums, [harness_rolling(model, tokenizer, text) for text in TEXTS], atol=1e-3)


@pytest.mark.parametrize("name", [*FAMILIES, "mamba2"])
@pytest.mark.parametrize("beginning", [(BOS_ID,), (BOS_ID, EOS_ID)])
def test_every_token_of_every_window_is_scored_after_the_beginning(name, beginning):
    model = build_random_model(name)
    corpus = make_corpus([3, CONTEXT_LENGTH, CONTEXT_LENGTH + 1, 2 * CONTEXT_LENGTH + 7, 1, 0, 11])
    table = score(model, corpus, beginning)
    positions = list(zip(table["document_id"].to_pylist(), table["position"].to_pylist(), strict=True))
    assert positions == [
        (index, position) for index, ids in enumerate(corpus.token_ids) for position in range(len(ids))
    ]
    expected = [
        value for tokens in corpus.token_ids for value in score_naively(model, tokens, beginning, CONTEXT_LENGTH // 2)
    ]
    np.testing.assert_allclose(log_probs(table), expected, atol=1e-4)


def test_scores_with_a_beginning_do_not_depend_on_the_batch():
    model, corpus = build_random_model("llama"), make_corpus([5, 40, 90, 17, 2, 33, 64])
    reference = log_probs(score(model, corpus, (BOS_ID,), max_batch_tokens=1))
    for max_batch_tokens in (40, 100, 10_000):
        scores = log_probs(score(model, corpus, (BOS_ID,), max_batch_tokens=max_batch_tokens))
        np.testing.assert_allclose(scores, reference, atol=1e-4)


def test_weights_in_bfloat16_are_scored_after_the_beginning_too():
    model, corpus = build_random_model("llama").to(torch.bfloat16), make_corpus([9, 1])
    expected = [value for tokens in corpus.token_ids for value in score_naively(model, tokens, (BOS_ID,), 16)]
    scores = log_probs(score(model, corpus, (BOS_ID,), dtype="bfloat16"))
    np.testing.assert_allclose(scores, expected, atol=0.25)


def test_documents_of_one_token_have_scores_only_with_a_beginning():
    model, corpus = build_random_model("llama"), make_corpus([1, 0, 1])
    assert score(model, corpus, ()).num_rows == 0
    assert score(model, corpus, (BOS_ID,))["document_id"].to_pylist() == [0, 2]
    assert score(model, make_corpus([0]), (BOS_ID,)).num_rows == 0


def test_the_beginning_enters_the_key_only_if_it_has_tokens():
    assert "text_beginning_token_ids" not in ScoringSettings().as_record()
    with_beginning = ScoringSettings(text_beginning_token_ids=(BOS_ID,)).as_record()
    assert with_beginning == {**ScoringSettings().as_record(), "text_beginning_token_ids": [BOS_ID]}


def test_a_context_without_places_for_the_text_or_the_stride_is_refused():
    settings = ScoringSettings(text_beginning_token_ids=(BOS_ID,))
    assert (find_stride(2, settings), find_stride(32, settings)) == (1, 16)
    with pytest.raises(UsageError, match="a context of 1 tokens has no place for a text after its beginning of 1"):
        find_stride(1, settings)
    whole = ScoringSettings(text_beginning_token_ids=(BOS_ID,), stride=32)
    with pytest.raises(
        UsageError, match="stride 32 is larger than the context of 32, less 1 for the beginning"
    ) as error:
        find_stride(32, whole)
    assert error.value.hint == "use a stride of at most 31"


def test_a_beginning_outside_the_vocabulary_of_the_model_is_refused():
    with pytest.raises(BadInputError, match=f"begins with token id {VOCABULARY_SIZE}, and the model has"):
        score(build_random_model("llama"), make_corpus([5]), (VOCABULARY_SIZE,))
