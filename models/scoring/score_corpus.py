"""Scoring a corpus with one checkpoint: a log-probability for every position but the first of each document.

The door to scoring: the settings, loading a model, and the scores as Arrow record batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from transformers import PreTrainedModel

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.scoring.forward import ForwardPass, inspect_forward_pass
from trailhouse.models.scoring.load_model import (
    attention_implementation,
    device_name,
    find_context_length,
    find_input_device,
    library_versions,
    list_devices,
    load_model,
)
from trailhouse.models.scoring.out_of_memory import ShrinkingBatch
from trailhouse.models.scoring.quantisation import quantise_log_probs, restore_log_probs
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.softmax import TargetScores
from trailhouse.models.scoring.windows import Window, group_documents, group_windows, plan_windows
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus, refuse_large_token_ids

__all__ = [
    "BATCH_POLICY",
    "SCORE_SCHEMA",
    "PreTrainedModel",
    "ScoringSettings",
    "attention_implementation",
    "device_name",
    "library_versions",
    "list_devices",
    "load_model",
    "quantise_log_probs",
    "restore_log_probs",
    "score_corpus",
]

BATCH_POLICY = "windows of like length, padded on the right, up to a number of tokens"
MAX_SECTION_POSITIONS = 1 << 20
DEFAULT_BATCH_TOKENS = {"cpu": 4_096}
ACCELERATOR_BATCH_TOKENS = 32_768
# A batch of so many tokens keeps the device busy: rather another one than more padding
ENOUGH_TOKENS = {"cpu": 512}
ACCELERATOR_ENOUGH_TOKENS = 8_192
SCORE_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("log_prob_quanta", pa.int32(), nullable=False),
        pa.field("quanta_per_nat", pa.uint16(), nullable=False),
        pa.field("entropy_nats", pa.float32()),
        pa.field("target_rank", pa.int32()),
    ]
)


def score_corpus(
    model: PreTrainedModel,
    corpus: TokenizedCorpus,
    settings: ScoringSettings,
    progress: Callable[[int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the scores of a corpus, in order of document and position, at most about 1M rows at a time.

    Every position from 1 on of every document is scored exactly once; ``windows`` says from how much context.
    Log-probabilities are float32 log-softmax of float32 logits, in nats, rounded as the settings say.
    ``progress`` is called with the number of positions scored since its last call.

    Errors: BadInputError where the tokenizer does not fit the model, the model is not causal, or a score is not
    finite (no row of its section is yielded); UsageError where not even one window fits the memory.
    """
    context_length = find_context_length(model.config, settings)
    stride = settings.stride or max(1, context_length // 2)
    if stride > context_length:
        raise UsageError(
            f"stride {stride} is larger than the model's context of {context_length}", "use a smaller stride"
        )
    longest = max(corpus.token_ids, key=len, default=np.empty(0, np.int32))
    if len(longest) < 2:
        return
    path = _inspect(model, corpus, longest, context_length)
    if settings.is_compiled:
        (path.body or model.base_model).compile(dynamic=True)
    token_counts = [len(tokens) for tokens in corpus.token_ids]
    scorer = _Scorer(path, settings, progress or (lambda _: None))
    for section in group_documents(token_counts, MAX_SECTION_POSITIONS):
        windows = [
            window
            for document_id in section
            for window in plan_windows(document_id, token_counts[document_id], context_length, stride)
        ]
        scores = scorer.score_section(corpus.token_ids, section, windows)
        yield from _build_record_batches(scores, section, token_counts, settings)


@dataclass(frozen=True)
class _SectionScores:
    """Scores of the documents of a section, one after the other, without their first positions."""

    log_prob_nats: npt.NDArray[np.float32]
    entropy_nats: npt.NDArray[np.float32] | None
    target_rank: npt.NDArray[np.int32] | None


class _Scorer:
    """Runs windows through a model in batches; what it learns about the memory holds for later batches."""

    def __init__(self, path: ForwardPass, settings: ScoringSettings, progress: Callable[[int], None]) -> None:
        self._path = path
        self._settings = settings
        self._progress = progress
        self._device = find_input_device(path.model)
        wanted = settings.max_batch_tokens or DEFAULT_BATCH_TOKENS.get(self._device.type, ACCELERATOR_BATCH_TOKENS)
        self._batch_size = ShrinkingBatch(min(wanted, path.max_batch_tokens or wanted), self._device)

    def score_section(
        self, token_ids: Sequence[npt.NDArray[np.int32]], section: range, windows: list[Window]
    ) -> _SectionScores:
        """Return the scores of all windows of a section."""
        offsets = _find_offsets([len(token_ids[document_id]) for document_id in section])
        size = int(offsets[-1])
        scores = _SectionScores(
            np.full(size, np.nan, np.float32),
            np.full(size, np.nan, np.float32) if self._settings.with_entropy else None,
            np.zeros(size, np.int32) if self._settings.with_target_rank else None,
        )
        enough_tokens = ENOUGH_TOKENS.get(self._device.type, ACCELERATOR_ENOUGH_TOKENS)
        for batch in group_windows(windows, self._batch_size.max_tokens, enough_tokens):
            for part, result in self._batch_size.run(batch, _count_tokens, partial(self._run_batch, token_ids)):
                starts = [int(offsets[window.document_id - section.start]) + window.first_target - 1 for window in part]
                counts = [window.end - window.first_target for window in part]
                _store_scores(result, _expand_ranges(np.asarray(starts), counts), scores)
                self._progress(sum(counts))
        return scores

    @torch.inference_mode()
    def _run_batch(self, token_ids: Sequence[npt.NDArray[np.int32]], batch: Sequence[Window]) -> TargetScores:
        width = batch[0].input_length
        inputs = np.zeros((len(batch), width), np.int64)  # (B, T)
        for index, window in enumerate(batch):
            inputs[index, : window.input_length] = token_ids[window.document_id][window.start : window.end - 1]
        first_rows = [index * width + window.first_target - 1 - window.start for index, window in enumerate(batch)]
        rows = _expand_ranges(np.asarray(first_rows), [window.end - window.first_target for window in batch])
        targets = np.concatenate([token_ids[window.document_id][window.first_target : window.end] for window in batch])
        return self._path.score_positions(
            torch.from_numpy(inputs).to(self._device),
            torch.from_numpy(rows).to(self._device),
            torch.from_numpy(targets.astype(np.int64)).to(self._device),
            with_entropy=self._settings.with_entropy,
            with_target_rank=self._settings.with_target_rank,
        )


@torch.inference_mode()
def _inspect(
    model: PreTrainedModel, corpus: TokenizedCorpus, longest: npt.NDArray[np.int32], context_length: int
) -> ForwardPass:
    embedding = model.get_input_embeddings()
    assert isinstance(embedding.weight, torch.Tensor)
    refuse_large_token_ids(corpus, embedding.weight.shape[0])
    tokens = torch.from_numpy(longest[:context_length].astype(np.int64)).to(find_input_device(model))
    path = inspect_forward_pass(model, tokens, context_length)
    refuse_large_token_ids(corpus, path.vocabulary_size)
    return path


def _count_tokens(batch: Sequence[Window]) -> int:
    """Count the tokens of a batch that is padded to its first and longest window."""
    return batch[0].input_length * len(batch)


def _find_offsets(token_counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return where the scores of each document begin in those of its section, and where the last one's end."""
    counts = np.maximum(np.asarray(token_counts, np.int64) - 1, 0)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _expand_ranges(starts: npt.NDArray[np.int64], counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the concatenation of ``start .. start + count - 1`` for every pair."""
    lengths = np.asarray(counts, np.int64)
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _store_scores(result: TargetScores, places: npt.NDArray[np.int64], scores: _SectionScores) -> None:
    scores.log_prob_nats[places] = result.log_prob_nats.cpu().numpy()
    if scores.entropy_nats is not None and result.entropy_nats is not None:
        scores.entropy_nats[places] = result.entropy_nats.cpu().numpy()
    if scores.target_rank is not None and result.target_rank is not None:
        scores.target_rank[places] = result.target_rank.cpu().numpy()


def _build_record_batches(
    scores: _SectionScores, section: range, token_counts: Sequence[int], settings: ScoringSettings
) -> Iterator[pa.RecordBatch]:
    counts = [max(0, token_counts[document_id] - 1) for document_id in section]
    document_ids = np.repeat(np.arange(section.start, section.stop, dtype=np.int32), counts)
    positions = _expand_ranges(np.ones(len(counts), np.int64), counts).astype(np.int32)
    _refuse_non_finite_scores(scores, document_ids, positions)
    size = len(document_ids)
    columns = [
        pa.array(document_ids),
        pa.array(positions),
        pa.array(quantise_log_probs(scores.log_prob_nats, settings.quanta_per_nat)),
        pa.array(np.full(size, settings.quanta_per_nat, np.uint16)),
        pa.nulls(size, pa.float32()) if scores.entropy_nats is None else pa.array(scores.entropy_nats),
        pa.nulls(size, pa.int32()) if scores.target_rank is None else pa.array(scores.target_rank),
    ]
    batch = pa.record_batch(columns, schema=SCORE_SCHEMA)
    for first in range(0, size, MAX_SECTION_POSITIONS):
        yield batch.slice(first, MAX_SECTION_POSITIONS)


def _refuse_non_finite_scores(
    scores: _SectionScores, document_ids: npt.NDArray[np.int32], positions: npt.NDArray[np.int32]
) -> None:
    wrong = ~np.isfinite(scores.log_prob_nats)
    if scores.entropy_nats is not None:
        wrong |= ~np.isfinite(scores.entropy_nats)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise BadInputError(
            f"the score of document {document_ids[first]}, position {positions[first]} is not finite "
            f"({int(wrong.sum())} in all)",
            "the checkpoint is damaged or overflows in this dtype: leave it out, or use dtype float32",
        )
