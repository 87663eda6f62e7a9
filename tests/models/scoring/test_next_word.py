"""The probability that a new word begins after a token, compared with float64 sums over the whole vocabulary."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.special import logsumexp
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tests.support.architectures import CONTEXT_LENGTH, build_random_model
from trailhouse.models.scoring.context_window import find_stride
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.softmax import score_hidden_states, score_logits
from trailhouse.models.scoring.token_scores import SCORE_SCHEMA
from trailhouse.models.scoring.verified_scores import score_position_alone
from trailhouse.models.scoring.windows import plan_windows
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.models.texts.tokenizer import token_table, tokenize_corpus
from trailhouse.models.texts.word_starts import find_word_starts

SETTINGS = ScoringSettings(quanta_per_nat=0, device="cpu", context_length=CONTEXT_LENGTH)
TEXTS = (
    "the cat sat on the mat and the parser reads the file\nthe mat is read " * 4 + "and the end",
    "a",
    "mat",
    "the parser sat there",
)


def train_byte_level_bpe() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=40, special_tokens=["<|end|>"], show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")


def train_sentencepiece_like() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.Replace("\n", " ")])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=50, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


TOKENIZERS = {"byte-level BPE": train_byte_level_bpe, "SentencePiece": train_sentencepiece_like}


def make_corpus() -> Corpus:
    return Corpus("words", "", "", tuple(Document(str(index), text) for index, text in enumerate(TEXTS)))


def tokenize(tokenizer: PreTrainedTokenizerBase) -> TokenizedCorpus:
    tokenized = tokenize_corpus(tokenizer, make_corpus())
    return dataclasses.replace(tokenized, word_start_ids=find_word_starts(tokenizer))


def score(model, corpus: TokenizedCorpus, **changes) -> pa.Table:
    settings = dataclasses.replace(SETTINGS, **changes)
    return pa.Table.from_batches(list(score_corpus(model, corpus, settings)), SCORE_SCHEMA)


def list_plain_word_starts(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids whose names begin with the tokenizer's own sign of a space, and those of the text's ends."""
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    ends = ("<|end|>", "<s>", "</s>")
    return [index for index, name in enumerate(names) if name.startswith(("Ġ", "Ċ", "▁")) or name in ends]


@torch.no_grad()
def compute_directly(model, tokens: np.ndarray, word_starts: list[int], beginning: tuple[int, ...] = ()) -> list[float]:
    """Return ln P(a new word begins or the text ends) after each token, by one forward pass each, in float64."""
    stride = find_stride(CONTEXT_LENGTH, dataclasses.replace(SETTINGS, text_beginning_token_ids=beginning))
    windows = list(plan_windows(0, len(tokens) + 1, CONTEXT_LENGTH, stride, len(beginning)))
    values = []
    for position in range(len(tokens)):
        window = next(one for one in windows if one.first_target <= position + 1 < one.end)
        read = [*beginning, *tokens[window.start : position + 1].tolist()]
        distribution = model(input_ids=torch.tensor([read])).logits[0, -1].double().log_softmax(-1)
        values.append(float(logsumexp(distribution[word_starts].numpy())))
    return values


@pytest.mark.parametrize("architecture", ["gpt_neox", "cohere", "mamba"])
@pytest.mark.parametrize("tokenizer_name", TOKENIZERS)
@pytest.mark.parametrize("beginning", [(), (1,)])
def test_every_token_has_the_sum_over_all_tokens_that_begin_a_word(architecture, tokenizer_name, beginning):
    """The first text has several windows. GPT-NeoX and Mamba have a plain head, and Cohere is run as a whole."""
    tokenizer = TOKENIZERS[tokenizer_name]()
    corpus, word_starts = tokenize(tokenizer), list_plain_word_starts(tokenizer)
    model = build_random_model(architecture)
    assert len(corpus.token_ids[0]) > 2 * CONTEXT_LENGTH
    assert corpus.word_start_ids.tolist() == word_starts
    assert 4 < len(word_starts) < len(tokenizer) - 4
    table = score(model, corpus, with_next_word=True, text_beginning_token_ids=beginning)
    first = 0 if beginning else 1
    for document_id, tokens in enumerate(corpus.token_ids):
        rows = table.filter(pa.compute.equal(table["document_id"], document_id))
        assert rows["position"].to_pylist() == list(range(first, len(tokens)))
        expected = compute_directly(model, tokens, word_starts, beginning)[first:]
        np.testing.assert_allclose(rows["next_word_log_prob_nats"].to_numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("architecture", ["gpt_neox", "cohere"])
@pytest.mark.parametrize("with_entropy", [False, True])
def test_the_other_scores_are_those_without_the_probability_of_a_new_word(architecture, with_entropy):
    corpus, model = tokenize(train_byte_level_bpe()), build_random_model(architecture)
    options = {"with_entropy": with_entropy, "with_target_rank": True}
    plain, whole = score(model, corpus, **options), score(model, corpus, with_next_word=True, **options)
    assert plain["next_word_log_prob_nats"].null_count == len(plain)
    assert whole["next_word_log_prob_nats"].null_count == 0
    for name in ("document_id", "position", "target_rank"):
        assert plain[name].to_pylist() == whole[name].to_pylist()
    left, right = (restore_log_probs(one["log_prob_quanta"].to_numpy(), 0) for one in (plain, whole))
    np.testing.assert_allclose(left, right, atol=1e-5)
    if with_entropy:
        np.testing.assert_allclose(plain["entropy_nats"].to_numpy(), whole["entropy_nats"].to_numpy(), atol=1e-5)


@pytest.mark.parametrize("tokenizer_name", TOKENIZERS)
def test_the_sum_over_the_tokens_of_a_word_is_the_score_of_the_whole_word(tokenizer_name):
    """One forward pass reads the context and the word. The correction adds whether the word ends where it ends."""
    tokenizer = TOKENIZERS[tokenizer_name]()
    corpus, model, word_starts = tokenize(tokenizer), build_random_model("gpt_neox"), list_plain_word_starts(tokenizer)
    table = score(model, corpus, with_next_word=True).to_pandas()
    table["log_prob_nats"] = restore_log_probs(table["log_prob_quanta"].to_numpy(), 0)
    tokens = token_table(tokenizer, make_corpus(), corpus).to_pandas()
    merged = table.merge(tokens, on=["document_id", "position"])
    document = merged[merged["document_id"] == 3].set_index("position")
    (word,) = (group for index, group in document.groupby("word_index") if index == 3)
    assert "".join(word["token_text"]).strip() == "there"
    assert len(word) > 1
    ids = torch.from_numpy(corpus.token_ids[3].astype(np.int64))
    with torch.no_grad():
        distribution = model(input_ids=ids[None]).logits[0].double().log_softmax(-1)
    first, last = int(word.index[0]), int(word.index[-1])
    direct = sum(float(distribution[position - 1, ids[position]]) for position in range(first, last + 1))
    assert word["log_prob_nats"].sum() == pytest.approx(direct, abs=1e-4)
    corrected = word["log_prob_nats"].sum() + document["next_word_log_prob_nats"][last]
    corrected -= document["next_word_log_prob_nats"][first - 1]
    ends, begins = (float(logsumexp(distribution[row, word_starts].numpy())) for row in (last, first - 1))
    assert corrected == pytest.approx(direct + ends - begins, abs=1e-4)


@pytest.mark.parametrize("with_entropy", [False, True])
def test_both_softmax_paths_sum_very_improbable_word_starts(with_entropy):
    """The word starts have about -200 nats, which is 0 as a float32 probability."""
    head = torch.nn.Linear(4, 3_000)
    is_word_start = torch.zeros(3_000, dtype=torch.bool)
    is_word_start[[5, 1_700, 2_999]] = True
    head.bias.data[is_word_start] = -200.0
    hidden = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([5, 6, 7, 8, 9, 10])
    with torch.inference_mode():
        logits = head(hidden)
        expected = logits.double().log_softmax(-1)[:, is_word_start].logsumexp(-1)
        options = {"with_entropy": with_entropy, "with_target_rank": False, "is_word_start": is_word_start}
        for scores in (score_hidden_states(hidden, head, targets, **options), score_logits(logits, targets, **options)):
            np.testing.assert_allclose(scores.word_start_log_prob_nats, expected, rtol=1e-5)


def test_a_word_start_is_certain_if_all_tokens_begin_words():
    logits = torch.randn(50, 9, generator=torch.Generator().manual_seed(2))
    options = {"with_entropy": False, "with_target_rank": False, "is_word_start": torch.ones(9, dtype=torch.bool)}
    scores = score_logits(logits, torch.zeros(50, dtype=torch.int64), **options)
    assert scores.word_start_log_prob_nats.max() <= 0
    np.testing.assert_allclose(scores.word_start_log_prob_nats, 0.0, atol=1e-6)


def test_a_score_alone_reads_the_window_that_the_batch_reads():
    """In Phi-3, texts of more than 12 tokens have other rotary frequencies. The text has exactly 12 tokens."""
    model = build_random_model("phi3")
    tokens = np.arange(3, 15, dtype=np.int32)
    corpus = TokenizedCorpus("random", "none", (tokens,), word_start_ids=np.asarray([1, 4], np.int32))
    table = score(model, corpus, with_next_word=True)
    stored = restore_log_probs(table["log_prob_quanta"].to_numpy(), 0)
    settings = dataclasses.replace(SETTINGS, with_next_word=True)
    alone = [score_position_alone(model, tokens, position, settings).log_prob_nats for position in range(1, 12)]
    np.testing.assert_allclose(stored, alone, atol=1e-4)


def test_the_setting_is_part_of_the_key_only_if_it_is_on():
    assert "with_next_word" not in SETTINGS.as_record()
    assert dataclasses.replace(SETTINGS, with_next_word=True).as_record()["with_next_word"] is True


def test_progress_counts_the_positions_that_are_stored():
    corpus, counts = tokenize(train_byte_level_bpe()), []
    settings = dataclasses.replace(SETTINGS, with_next_word=True)
    list(score_corpus(build_random_model("gpt_neox"), corpus, settings, counts.append))
    assert sum(counts) == corpus.position_count
