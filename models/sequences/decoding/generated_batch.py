"""This module generates the texts of one batch of prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.causality import refuse_non_causal
from trailhouse.models.scoring.quantisation import quantise_log_probs, restore_log_probs
from trailhouse.models.sequences.decoding.configuration import Decoding, Sampling
from trailhouse.models.sequences.decoding.generated_text import GeneratedText, Prompt
from trailhouse.models.sequences.decoding.incremental_model import (
    IncrementalModel,
    TextReader,
    agree,
    measure_difference,
)
from trailhouse.models.sequences.decoding.next_token import Choice, Prediction, choose_next_tokens

QUANTA_PER_NAT = 10_000
# Choices count as close if an error of the log-probabilities by this many nats could change them. Batches and caches
# change log-probabilities of most models in float32 by about 1e-5 nats. Where a trial finds larger differences, they
# are multiplied by TOLERANCE_FACTOR, because other texts may have larger differences than those of the trial.
SMALLEST_TOLERANCE_NATS = 1e-4
TOLERANCE_FACTOR = 4
COMPARED_TOKEN_COUNT = 16


class BatchGenerator:
    """Two models and how texts are generated with them."""

    def __init__(
        self,
        small: IncrementalModel,
        large: IncrementalModel,
        new_token_count: int,
        decoding: Decoding,
        sampling: Sampling,
        progress: Callable[[int], None] | None,
    ) -> None:
        """``progress`` is called with the number of generated tokens, and with a negative one if a batch fails."""
        self._models = {"small": small, "large": large}
        self._device = large.device
        self._new_token_count = new_token_count
        self._decoding = decoding
        self._sampling = sampling
        self._progress = progress or (lambda _: None)
        self._vocabulary_size = 0
        self._tolerance_nats = SMALLEST_TOLERANCE_NATS

    @torch.inference_mode()
    def prepare(self, prompt: Prompt, vocabulary_size: int | None) -> None:
        """Find the number of tokens that both models know, whether their caches can be used, and how exact they are.

        Raises BadInputError if a model is not causal or does not run.
        """
        text_length = len(prompt.token_ids) + self._new_token_count
        sizes = [] if vocabulary_size is None else [vocabulary_size]
        for model in self._models.values():
            trial = torch.from_numpy(prompt.token_ids.astype(np.int64)).to(model.device)
            refuse_non_causal(model.model, model.add_beginning(trial[None])[0])
            self._raise_tolerance(model.try_cache(trial, text_length))
            sizes.append(model.logit_count)
        self._vocabulary_size = min(sizes)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[GeneratedText]:
        """Return the texts of a batch of prompts with the same number of tokens.

        The first text is read again at once by each model. If its log-probabilities differ by more than was expected,
        the batch is generated again with a larger tolerance. Raises BadInputError if they differ by more than rounding
        explains, or are not finite.
        """
        while True:
            done = 0
            try:
                batch = _Batch(self._models, prompts, self._new_token_count, self._device)
                for position in range(self._new_token_count):
                    self._add_tokens(batch, position)
                    self._progress(len(prompts))
                    done += len(prompts)
                difference = self._compare_with_alone(batch)
            except BaseException:
                self._progress(-done)
                raise
            if difference <= self._tolerance_nats:
                return batch.build_texts()
            self._raise_tolerance(difference)
            self._progress(-done)

    def _raise_tolerance(self, difference_nats: float) -> None:
        self._tolerance_nats = max(self._tolerance_nats, TOLERANCE_FACTOR * difference_nats)

    def _add_tokens(self, batch: _Batch, position: int) -> None:
        predictions = {name: Prediction(reader.predict().to(self._device)) for name, reader in batch.readers.items()}
        choice = self._choose(predictions, batch.prompt_ids, position, self._tolerance_nats)
        for row in choice.is_close.nonzero()[:, 0].tolist():
            text = batch.texts[row, : batch.prompt_length + position]
            alone = {
                name: Prediction(model.predict_alone(text).to(self._device)) for name, model in self._models.items()
            }
            again = self._choose(alone, batch.prompt_ids[row : row + 1], position, 0.0)
            choice.token_ids[row], choice.is_fallback[row] = again.token_ids[0], again.is_fallback[0]
        batch.add(position, choice, predictions)

    def _choose(
        self, predictions: dict[str, Prediction], prompt_ids: Tensor, position: int, tolerance_nats: float
    ) -> Choice:
        return choose_next_tokens(
            predictions["small"],
            predictions["large"],
            self._decoding,
            self._sampling,
            self._vocabulary_size,
            prompt_ids,
            position,
            tolerance_nats,
        )

    def _compare_with_alone(self, batch: _Batch) -> float:
        """Return the largest difference between log-probabilities of the first text and of this text alone, in nats.

        The last tokens are compared, because their predictions depend on all that was read before them. Raises
        BadInputError if rounding does not explain it, or if a log-probability of the batch is not finite.
        """
        text = batch.texts[0]
        count = min(COMPARED_TOKEN_COUNT, self._new_token_count)
        targets = text[-count:, None]
        largest = 0.0
        for name, model in self._models.items():
            log_probs = batch.log_probs[name]
            if not log_probs.isfinite().all():
                raise BadInputError(
                    f"log-probabilities of the {name} model ({type(model.model).__name__}) are not finite",
                    "the checkpoint is damaged or overflows in this dtype: use another one, or dtype float32",
                )
            if not model.has_cache:
                continue
            predicted = model.predict_alone(text[:-1], count).to(self._device)
            alone = predicted.log_softmax(-1).gather(1, targets)[:, 0]
            if not agree(log_probs[0, -count:], alone, model.model.dtype):
                raise BadInputError(
                    f"the {name} model ({type(model.model).__name__}) gives the text of prompt"
                    f" {int(batch.prompt_ids[0])} other log-probabilities token by token than at once",
                    "its outputs depend on what it reads beside the text; report its model_type",
                )
            largest = max(largest, measure_difference(log_probs[0, -count:], alone))
        return largest


class _Batch:
    """The texts of a batch while they grow."""

    def __init__(
        self,
        models: dict[str, IncrementalModel],
        prompts: Sequence[Prompt],
        new_token_count: int,
        device: torch.device,
    ) -> None:
        self.prompt_length = len(prompts[0].token_ids)
        self.prompt_ids = torch.tensor([prompt.prompt_id for prompt in prompts], device=device)  # (B,)
        starts = torch.from_numpy(np.stack([prompt.token_ids for prompt in prompts]).astype(np.int64)).to(device)
        shape = (len(prompts), new_token_count)
        self.texts = torch.cat([starts, starts.new_zeros(shape)], 1)  # (B, P + L)
        self.readers = {name: TextReader(model, starts, self.texts.shape[1]) for name, model in models.items()}
        self.log_probs = {name: torch.zeros(shape, device=device) for name in models}  # (B, L)
        self._is_fallback = torch.zeros(shape, dtype=torch.bool, device=device)
        self._close_counts = torch.zeros(len(prompts), dtype=torch.int64, device=device)

    def add(self, position: int, choice: Choice, predictions: dict[str, Prediction]) -> None:
        """Add the chosen tokens to the texts, with their log-probabilities under each model."""
        token_ids = choice.token_ids
        self.texts[:, self.prompt_length + position] = token_ids
        self._is_fallback[:, position] = choice.is_fallback
        self._close_counts += choice.is_close
        for name, reader in self.readers.items():
            self.log_probs[name][:, position] = predictions[name].find_log_probs(token_ids)
            reader.append(token_ids)

    def build_texts(self) -> list[GeneratedText]:
        """Return the texts without their prompts."""
        token_ids = self.texts[:, self.prompt_length :].to("cpu", torch.int32).numpy()
        is_fallback = self._is_fallback.cpu().numpy()
        small, large = (_round(self.log_probs[name]) for name in ("small", "large"))
        columns = (self.prompt_ids.tolist(), token_ids, is_fallback, small, large, self._close_counts.tolist())
        return [GeneratedText(*row) for row in zip(*columns, strict=True)]


def _round(log_probs: Tensor) -> npt.NDArray[np.float32]:
    quanta = quantise_log_probs(log_probs.cpu().numpy(), QUANTA_PER_NAT)
    return restore_log_probs(quanta, QUANTA_PER_NAT)
