"""Evaluating one checkpoint: the log-probability of every option of a task, as Arrow record batches.

The door to evaluation: what decides an option's score, and the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from transformers import PreTrainedModel

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.option_batches import (
    Row,
    ScoredSequence,
    build_branched_rows,
    build_plain_rows,
    group_rows,
)
from trailhouse.models.few_shot.option_encoding import EncodedItem, EncodedTask, Tokens
from trailhouse.models.few_shot.option_scores import OPTION_SCORE_SCHEMA
from trailhouse.models.few_shot.shared_prefix import build_inputs, find_branch_limit, score_inputs
from trailhouse.models.scoring.forward import inspect_forward_pass
from trailhouse.models.scoring.load_model import find_context_length
from trailhouse.models.scoring.out_of_memory import ShrinkingBatch
from trailhouse.models.scoring.score_corpus import ACCELERATOR_BATCH_TOKENS, DEFAULT_BATCH_TOKENS, ScoringSettings

BATCH_POLICY = "a prompt once with its options behind it where the model can read that, rows of like length"
# Raised whenever the same settings would give other scores than before, so that old scores count as stale.
EVALUATION_METHOD = 1
# Attention masks of one batch: at most 256 MiB in float32
MAX_MASK_ENTRIES = 1 << 26
Scores = npt.NDArray[np.float64]


def evaluation_record(settings: ScoringSettings) -> dict[str, Any]:
    """Return what decides an option's score beside weights and task, for the ledger.

    The device and the batch size are left out: in float32 they move a score by less than 1e-4 nats.
    """
    return {
        "evaluation_method": EVALUATION_METHOD,
        "dtype": settings.dtype,
        "context_length": settings.context_length,
    }


class Evaluator:
    """One model, ready to score the options of any task; options at the beginning of a text are scored once."""

    def __init__(self, model: PreTrainedModel, settings: ScoringSettings) -> None:
        self._model = model
        self.context_length = find_context_length(model.config, settings)
        self._device = next(model.parameters()).device
        wanted = settings.max_batch_tokens or DEFAULT_BATCH_TOKENS.get(self._device.type, ACCELERATOR_BATCH_TOKENS)
        self._alone: dict[bytes, float] = {}
        embedding = model.get_input_embeddings()
        assert isinstance(embedding.weight, torch.Tensor)
        vocabulary_size = embedding.weight.shape[0]
        probe = torch.arange(1, min(vocabulary_size, 33), device=self._device)
        with torch.inference_mode():
            self._path = inspect_forward_pass(model, probe, self.context_length)
            self._branch_limit = find_branch_limit(self._path, probe, self.context_length)
        self._vocabulary_size = min(vocabulary_size, self._path.vocabulary_size)
        self._batch_size = ShrinkingBatch(min(wanted, self._path.max_batch_tokens or wanted), self._device)

    def score(self, encoded: EncodedTask, progress: Callable[[int], None] | None = None) -> pa.RecordBatch:
        """Return the scores of all options of a task, in order of item and option.

        Log-probabilities are float32 log-softmax of float32 logits, summed in float64, in nats. ``progress`` is
        called with the number of options scored since its last call.

        Errors: BadInputError where the tokenizer does not fit the model or a score is not finite; UsageError
        where not even one row fits the memory.
        """
        if encoded.largest_token_id >= self._vocabulary_size:
            raise BadInputError(
                f"task {encoded.task.task_id!r} holds token id {encoded.largest_token_id}, and the model has"
                f" {self._vocabulary_size} tokens",
                "use the tokenizer the model was trained with",
            )
        report = progress or (lambda _: None)
        rows: list[Row] = []
        place = 0
        for item in encoded.items:
            rows.extend(self._build_rows(item, place))
            place += len(item.options)
        log_probs = self._score_rows(rows, place, report)
        alone = self._score_alone([option.alone for item in encoded.items for option in item.options])
        if not (np.isfinite(log_probs).all() and np.isfinite(alone[~np.isnan(alone)]).all()):
            raise BadInputError(
                f"scores of task {encoded.task.task_id!r} are not finite",
                "the checkpoint is damaged or overflows in this dtype: leave it out, or use dtype float32",
            )
        return _build_record_batch(encoded, log_probs, alone)

    def _build_rows(self, item: EncodedItem, first_place: int) -> list[Row]:
        sequences = [
            ScoredSequence(option.token_ids, option.first_target, first_place + index)
            for index, option in enumerate(item.options)
        ]
        if max(len(sequence.token_ids) for sequence in sequences) > self._branch_limit:
            return build_plain_rows(sequences)
        return build_branched_rows(sequences, self._branch_limit)

    def _score_alone(self, texts: Sequence[Tokens | None]) -> Scores:
        """Score options at the beginning of a text, each distinct one once; NaN where there is no such text."""
        keys = [None if text is None else text.tobytes() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key is not None and key not in self._alone}
        sequences = [
            ScoredSequence(text[: self.context_length + 1], 1, place)
            for place, text in enumerate(new.values())
            if text is not None
        ]
        scores = self._score_rows(build_plain_rows(sequences), len(sequences), lambda _: None)
        self._alone.update(zip(new, scores.tolist(), strict=True))
        return np.asarray([np.nan if key is None else self._alone[key] for key in keys])

    def _score_rows(self, rows: Sequence[Row], place_count: int, report: Callable[[int], None]) -> Scores:
        """Return the sum of the scores of every place."""
        sums = np.zeros(place_count)
        for batch in group_rows(rows, self._batch_size.max_tokens, MAX_MASK_ENTRIES):
            for part, scores in self._batch_size.run(batch, _count_tokens, self._run_batch):
                np.add.at(sums, np.concatenate([row.places for row in part]), scores)
                report(len({place for row in part for place in row.places.tolist()}))
        return sums

    @torch.inference_mode()
    def _run_batch(self, batch: Sequence[Row]) -> Scores:
        width = max(row.length for row in batch)
        outputs = np.concatenate([row.outputs + index * width for index, row in enumerate(batch)])
        targets = np.concatenate([row.targets for row in batch])
        inputs = build_inputs(batch, self._device, self._model.dtype)
        scores = score_inputs(self._path, inputs, torch.from_numpy(outputs), torch.from_numpy(targets))
        return scores.double().cpu().numpy()


def _count_tokens(batch: Sequence[Row]) -> int:
    """Count the tokens of a batch that is padded to its longest row."""
    return max(row.length for row in batch) * len(batch)


def _build_record_batch(encoded: EncodedTask, log_probs: Scores, alone: Scores) -> pa.RecordBatch:
    task, rows = encoded.task, []
    place = 0
    for item_id, item in enumerate(encoded.items):
        for option_index, option in enumerate(item.options):
            text = task.items[item_id].options[option_index]
            rows.append(
                {
                    "task_id": task.task_id,
                    "shot_count": encoded.shot_count,
                    "seed": encoded.seed,
                    "item_id": item_id,
                    "option_index": option_index,
                    "log_prob_nats": log_probs[place],
                    "unconditional_log_prob_nats": None if np.isnan(alone[place]) else alone[place],
                    "token_count": option.token_count,
                    "character_count": len(text),
                    "byte_count": len(text.encode()),
                    "exemplar_count": item.exemplar_count,
                    "prompt_token_count": option.first_target,
                    "truncated_token_count": item.truncated_token_count,
                }
            )
            place += 1
    return pa.RecordBatch.from_pylist(rows, schema=OPTION_SCORE_SCHEMA)
