"""This module evaluates one checkpoint on a task: it computes the log-probability of every option of the task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.option_batches import (
    Row,
    ScoredSequence,
    build_plain_rows,
    build_shared_prefix_rows,
    group_rows,
)
from trailhouse.models.few_shot.option_encoding import EncodedItem, EncodedTask, Tokens
from trailhouse.models.few_shot.option_scores import build_option_scores
from trailhouse.models.few_shot.shared_prefix import build_inputs, find_shared_prefix_limit, score_inputs
from trailhouse.models.scoring.context_window import find_context_length
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.forward import inspect_forward_pass
from trailhouse.models.scoring.out_of_memory import ShrinkingBatch
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings, SettingsRecord

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

BATCH_POLICY = "a prompt once with its options behind it where the model can read that, rows of like length"
# Increase this number when a change of the code changes scores, so that older scores count as outdated.
EVALUATION_METHOD = 1
# Largest number of entries in the attention masks of one batch: 256 MiB in float32
MAX_MASK_ENTRIES = 1 << 26
Scores = npt.NDArray[np.float64]


def evaluation_record(settings: ScoringSettings) -> SettingsRecord:
    """Return the settings that are part of an evaluation's key, besides the weights and the task.

    ``settings`` are the ``evaluation_key_settings`` of a ``ContextChoice``. The device and the batch size are left out,
    because in float32 they change a score by less than 1e-4 nats.
    """
    return {
        "evaluation_method": EVALUATION_METHOD,
        "dtype": settings.dtype,
        "context_length": settings.context_length,
        **settings.beginning_record(),
    }


class Evaluator:
    """Scores the options of tasks with one model. It caches the scores that options have without a prompt."""

    def __init__(self, model: PreTrainedModel, settings: ScoringSettings) -> None:
        self._model = model
        self._beginning_length = len(settings.text_beginning_token_ids)
        self.context_length = find_context_length(model.config, settings)
        self._device = find_input_device(model)
        self._switch_length = find_switch_length(model.config)
        self._unconditional: dict[bytes, float] = {}
        embedding = model.get_input_embeddings()
        assert isinstance(embedding.weight, torch.Tensor)
        vocabulary_size = embedding.weight.shape[0]
        probe = torch.arange(1, min(vocabulary_size, 33), device=self._device)
        with torch.inference_mode():
            self._forward_pass = inspect_forward_pass(model, probe, self.context_length)
            self._shared_prefix_limit = find_shared_prefix_limit(self._forward_pass, probe, self.context_length)
        self._vocabulary_size = min(vocabulary_size, self._forward_pass.vocabulary_size)
        max_batch_tokens = self._forward_pass.choose_batch_tokens(settings.max_batch_tokens, self._device)
        self._batch_size = ShrinkingBatch(max_batch_tokens, self._device)

    def score(self, encoded: EncodedTask, progress: Callable[[int], None] | None = None) -> pa.RecordBatch:
        """Return the scores of all options of a task, in order of item and option.

        An option's score is the sum of its tokens' log-probabilities, in nats. Each log-probability is a float32
        log-softmax of float32 logits, and their sum is float64. ``progress`` is called with the number of options
        scored since its last call.

        Raises BadInputError if the tokenizer does not fit the model, or if a score is not finite. Raises UsageError
        if a single row does not fit the memory.
        """
        if encoded.largest_token_id >= self._vocabulary_size:
            raise BadInputError(
                f"task {encoded.task.task_id!r} holds token id {encoded.largest_token_id}, and the model has"
                f" {self._vocabulary_size} tokens",
                "use the tokenizer the model was trained with",
            )
        options = [option for item in encoded.items for option in item.options]
        rows: list[Row] = []
        first_index = 0
        for item in encoded.items:
            rows.extend(self._build_rows(item, first_index))
            first_index += len(item.options)
        log_probs = self._score_rows(rows, len(options), progress or (lambda _: None))
        unconditional = self._score_unconditional([option.unconditional_token_ids for option in options])
        if not np.isfinite([*log_probs, *(score for score in unconditional if score is not None)]).all():
            raise BadInputError(
                f"scores of task {encoded.task.task_id!r} are not finite",
                "the checkpoint is damaged or overflows in this dtype: leave it out, or use dtype float32",
            )
        return build_option_scores(encoded, log_probs.tolist(), unconditional)

    def _build_rows(self, item: EncodedItem, first_index: int) -> list[Row]:
        """Return the rows of an item. The score indices of its options are ``first_index``, ``first_index`` + 1, ..."""
        sequences = [
            ScoredSequence(option.token_ids, option.first_target, first_index + index)
            for index, option in enumerate(item.options)
        ]
        if max(len(sequence.token_ids) for sequence in sequences) > self._shared_prefix_limit:
            return build_plain_rows(sequences)
        return build_shared_prefix_rows(sequences, self._shared_prefix_limit)

    def _score_unconditional(self, texts: Sequence[Tokens | None]) -> list[float | None]:
        """Return the unconditional score of each option, which is its score without the prompt.

        ``texts`` holds the ``unconditional_token_ids`` of each option. If an element of ``texts`` is None, the score of
        this option is None. Equal options are scored only once.
        """
        new = {text.tobytes(): text for text in texts if text is not None and text.tobytes() not in self._unconditional}
        sequences = [
            # An option without its prompt may be longer than the model's context length. Then the last tokens of the
            # option are cut off.
            ScoredSequence(text[: self.context_length + 1], max(1, self._beginning_length), index)
            for index, text in enumerate(new.values())
        ]
        scores = self._score_rows(build_plain_rows(sequences), len(sequences), lambda _: None)
        self._unconditional.update(zip(new, scores.tolist(), strict=True))
        return [None if text is None else self._unconditional[text.tobytes()] for text in texts]

    def _score_rows(self, rows: Sequence[Row], score_count: int, report: Callable[[int], None]) -> Scores:
        """Run the rows through the model. For each score index, return the sum of its targets' log-probabilities."""
        sums = np.zeros(score_count)
        for batch in group_rows(rows, self._batch_size.max_tokens, MAX_MASK_ENTRIES, self._switch_length):
            for part, scores in self._batch_size.run(batch, _count_tokens, self._run_batch):
                score_indices = np.concatenate([row.score_indices for row in part])
                np.add.at(sums, score_indices, scores)
                report(len(np.unique(score_indices)))
        return sums

    @torch.inference_mode()
    def _run_batch(self, batch: Sequence[Row]) -> Scores:
        width = max(row.length for row in batch)
        outputs = np.concatenate([row.outputs + index * width for index, row in enumerate(batch)])
        targets = np.concatenate([row.targets for row in batch])
        inputs = build_inputs(batch, self._device, self._model.dtype)
        scores = score_inputs(self._forward_pass, inputs, torch.from_numpy(outputs), torch.from_numpy(targets))
        return scores.double().cpu().numpy()


def _count_tokens(batch: Sequence[Row]) -> int:
    """Return the number of tokens of a batch, including the padding to its longest row."""
    return max(row.length for row in batch) * len(batch)
