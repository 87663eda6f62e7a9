"""This module scores a corpus with one checkpoint. Each token of a document gets a log-probability.

The first token of a document gets one only if the model reads a beginning before every text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from trailhouse.models.scoring.context_window import find_context_length, find_stride
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.forward import ForwardPass, inspect_forward_pass
from trailhouse.models.scoring.out_of_memory import ShrinkingBatch
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.softmax import TargetScores
from trailhouse.models.scoring.token_scores import (
    SectionScores,
    concatenate_ranges,
    list_planned_tokens,
    split_record_batch,
)
from trailhouse.models.scoring.windows import Window, group_documents, group_windows, plan_windows
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus, refuse_large_beginning, refuse_large_token_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

TokenIds = Sequence[npt.NDArray[np.int32]]

BATCH_POLICY = "windows of like length, padded on the right, up to a number of tokens"
# Documents are scored in sections of about this many positions, so that their scores need bounded memory
MAX_SECTION_POSITIONS = 1 << 20
# A batch of this many tokens keeps the device busy. With more tokens, padding costs more time than a further batch.
ENOUGH_TOKENS = {"cpu": 512}
ACCELERATOR_ENOUGH_TOKENS = 8_192


def score_corpus(
    model: PreTrainedModel,
    corpus: TokenizedCorpus,
    settings: ScoringSettings,
    progress: Callable[[int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the scores of a corpus in order of document and position, at most about a million rows at a time.

    Every position of a document except position 0 is scored exactly once. If the settings state the beginning of a
    text, the model reads it before every window, and position 0 is scored, too. ``plan_windows`` explains how much
    context each position has. A log-probability is the float32 log-softmax of float32 logits, in nats, rounded
    according to the settings. If the settings ask for the probability of a new word, the model also reads the last
    token of every document, and the corpus must state which tokens begin a word. ``progress`` is called with the number
    of positions scored since its last call.

    Raises BadInputError if the tokenizer does not fit the model, if the model is not causal, or if a score is not
    finite. Scores are computed in sections of about a million positions, and a section with a score that is not finite
    yields no scores. Raises UsageError if a single window does not fit the memory.
    """
    context_length = find_context_length(model.config, settings)
    stride = find_stride(context_length, settings)
    beginning = np.asarray(settings.text_beginning_token_ids, np.int32)
    longest = max(corpus.token_ids, key=len, default=np.empty(0, np.int32))
    if len(longest) == 0 or len(beginning) + len(longest) < 2:
        return
    forward_pass = _inspect(model, corpus, settings, np.concatenate([beginning, longest])[:context_length])
    if settings.is_compiled:
        (forward_pass.body or model.base_model).compile(dynamic=True)
    token_ids = [list_planned_tokens(tokens, settings) for tokens in corpus.token_ids]
    token_counts = [len(tokens) for tokens in token_ids]
    is_word_start = _mark_word_starts(corpus, forward_pass.vocabulary_size) if settings.with_next_word else None
    scorer = _Scorer(forward_pass, settings, progress or (lambda _: None), is_word_start)
    for section in group_documents(token_counts, MAX_SECTION_POSITIONS):
        windows = [
            window
            for document_id in section
            for window in plan_windows(document_id, token_counts[document_id], context_length, stride, len(beginning))
        ]
        scores = SectionScores.allocate(section, token_counts, settings)
        scorer.score_windows(token_ids, windows, scores)
        yield from split_record_batch(scores.build_record_batch(settings.quanta_per_nat), MAX_SECTION_POSITIONS)


class _Scorer:
    """Runs windows through a model in batches. After the memory has run out once, all later batches are smaller."""

    def __init__(
        self,
        forward_pass: ForwardPass,
        settings: ScoringSettings,
        progress: Callable[[int], None],
        is_word_start: torch.Tensor | None,
    ) -> None:
        self._forward_pass = forward_pass
        self._is_word_start = is_word_start
        self._settings = settings
        self._progress = progress
        self._device = find_input_device(forward_pass.model)
        self._switch_length = find_switch_length(forward_pass.model.config)
        max_batch_tokens = forward_pass.choose_batch_tokens(settings.max_batch_tokens, self._device)
        self._batch_size = ShrinkingBatch(max_batch_tokens, self._device)

    def score_windows(self, token_ids: TokenIds, windows: list[Window], scores: SectionScores) -> None:
        """Store the scores of all windows of a section in ``scores``."""
        enough_tokens = ENOUGH_TOKENS.get(self._device.type, ACCELERATOR_ENOUGH_TOKENS)
        run_batch = partial(self._run_batch, token_ids)
        for batch in group_windows(windows, self._batch_size.max_tokens, enough_tokens, self._switch_length):
            for part, result in self._batch_size.run(batch, _count_tokens, run_batch):
                scores.store(part, result)
                self._progress(scores.count_stored(part))

    @torch.inference_mode()
    def _run_batch(self, token_ids: TokenIds, batch: Sequence[Window]) -> TargetScores:
        width = batch[0].input_length
        inputs = np.zeros((len(batch), width), np.int64)  # (B, T)
        beginning = self._settings.text_beginning_token_ids
        inputs[:, : len(beginning)] = beginning
        for index, window in enumerate(batch):
            read = token_ids[window.document_id][window.start : window.end - 1]
            inputs[index, len(beginning) : window.input_length] = read
        first_outputs = [
            index * width + len(beginning) + window.first_target - 1 - window.start
            for index, window in enumerate(batch)
        ]
        outputs = concatenate_ranges(np.asarray(first_outputs), [window.target_count for window in batch])
        targets = np.concatenate([token_ids[window.document_id][window.first_target : window.end] for window in batch])
        return self._forward_pass.score_positions(
            torch.from_numpy(inputs).to(self._device),
            torch.from_numpy(outputs).to(self._device),
            torch.from_numpy(targets.astype(np.int64)).to(self._device),
            with_entropy=self._settings.with_entropy,
            with_target_rank=self._settings.with_target_rank,
            is_word_start=self._is_word_start,
        )


@torch.inference_mode()
def _inspect(
    model: PreTrainedModel, corpus: TokenizedCorpus, settings: ScoringSettings, first_tokens: npt.NDArray[np.int32]
) -> ForwardPass:
    """Find a model's body and head by running the model on the first tokens of the longest document.

    Raises BadInputError if the corpus or the beginning of a text has token ids that the model does not have.
    """
    embedding = model.get_input_embeddings()
    assert isinstance(embedding.weight, torch.Tensor)
    refuse_large_token_ids(corpus, embedding.weight.shape[0])
    refuse_large_beginning(settings.text_beginning_token_ids, embedding.weight.shape[0])
    tokens = torch.from_numpy(first_tokens.astype(np.int64)).to(find_input_device(model))
    forward_pass = inspect_forward_pass(model, tokens, find_context_length(model.config, settings))
    refuse_large_token_ids(corpus, forward_pass.vocabulary_size)
    return forward_pass


def _mark_word_starts(corpus: TokenizedCorpus, vocabulary_size: int) -> torch.Tensor:
    """Return for every token of a model's vocabulary whether it begins a new word or ends the text; shape (V,)."""
    if corpus.word_start_ids is None:
        raise ValueError("the corpus does not state which tokens begin a word")
    is_word_start = torch.zeros(vocabulary_size, dtype=torch.bool)
    known = corpus.word_start_ids[corpus.word_start_ids < vocabulary_size]
    is_word_start[torch.from_numpy(known.astype(np.int64))] = True
    return is_word_start


def _count_tokens(batch: Sequence[Window]) -> int:
    """Return the number of tokens of a batch, including the padding to its first window, which is the longest."""
    return batch[0].input_length * len(batch)
