"""This module feeds texts to a model one token at a time, with the model's cache or recurrent state.

All texts of a batch have the same number of tokens, so there is no padding, and no attention mask is needed. Whether a
model's cache can be used is found out by trying: the log-probabilities after tokens that are fed one at a time are
compared with those of one forward pass without a cache over each text alone. If they differ by more than rounding
explains, the model reads the whole texts at each step.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.failing_models import refusing_failures
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.verification import DOUBLING_NATS, TOLERANCES_NATS

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

# Names under which models of transformers return their cache, and take it at the next step
CACHE_NAMES = ("past_key_values", "cache_params", "state")
# With one token per text, RWKV of transformers 5.23 mixes the texts of a batch. Therefore it gets the last two tokens,
# with the state from before both of them.
TYPES_WITH_TWO_TOKENS = ("rwkv",)
TRIAL_TOKEN_COUNT = 16
TRIAL_STEP_COUNT = 4


class IncrementalModel:
    """A model that reads texts token by token and predicts the next one."""

    def __init__(self, model: PreTrainedModel, beginning_ids: Sequence[int]) -> None:
        """``beginning_ids`` are the ids of the tokens that the model reads before every text."""
        self.model = model
        self.device = find_input_device(model)
        self.beginning_length = len(beginning_ids)
        self._beginning = torch.tensor(list(beginning_ids), dtype=torch.int64, device=self.device)
        self._takes_count = "logits_to_keep" in inspect.signature(model.forward).parameters
        embedding = model.get_input_embeddings()
        assert isinstance(embedding, nn.Module)
        self.token_count: int = embedding.get_parameter("weight").shape[0]
        """Number of tokens that the model can read."""
        self.logit_count = 0
        """Number of tokens that the model predicts; known after ``try_cache``."""
        self.has_cache = True

    @torch.inference_mode()
    def try_cache(self, token_ids: Tensor, text_length: int) -> float:
        """Find out whether the model's cache can be used for texts of ``text_length`` tokens, and set ``has_cache``.

        Return the largest difference between log-probabilities of texts in a batch and of each text alone, in nats.
        The trial has two different texts, because a wrong use of the cache may mix the texts of a batch. ``token_ids``
        (T,) are at least one token for them. Raises BadInputError if the model does not run.
        """
        length = min(TRIAL_TOKEN_COUNT, text_length)
        step_count = min(TRIAL_STEP_COUNT, length - 1)
        text = token_ids.repeat(-(-length // len(token_ids)))[:length].to(self.device)
        texts = torch.stack([text, (text + max(1, self.token_count // 2)) % self.token_count])
        alone = torch.stack([self.predict_alone(text, step_count + 1) for text in texts]).log_softmax(-1)
        self.logit_count = alone.shape[-1]
        switch_length = find_switch_length(self.model.config)
        # Beyond its switch length, a model uses other rotary frequencies also for the tokens that it has read before
        self.has_cache = switch_length is None or self.beginning_length + text_length <= switch_length
        if self.has_cache:
            stepwise = self._read_with_cache(texts, step_count)
            self.has_cache = stepwise is not None and agree(stepwise, alone, self.model.dtype)
            if stepwise is not None and self.has_cache:
                return measure_difference(stepwise, alone)
        together, _ = self.run({"input_ids": self.add_beginning(texts), "use_cache": False}, step_count + 1)
        return measure_difference(together.log_softmax(-1), alone)

    def predict_alone(self, token_ids: Tensor, prediction_count: int = 1) -> Tensor:
        """Return the float32 logits (N, V) after each of the last N = ``prediction_count`` tokens of one text (T,).

        They come from one forward pass over this text without a cache.
        """
        text = self.add_beginning(token_ids[None].to(self.device))
        logits, _ = self.run({"input_ids": text, "use_cache": False}, prediction_count)
        return logits[0]

    def add_beginning(self, texts: Tensor) -> Tensor:
        """Return the texts (B, T) with the beginning before each of them."""
        return torch.cat([self._beginning.expand(len(texts), -1), texts], 1)

    def run(self, inputs: dict[str, Any], prediction_count: int) -> tuple[Tensor, dict[str, Any]]:
        """Return the float32 logits (B, N, V) after the last N = ``prediction_count`` tokens, and the cache if any.

        ``inputs`` are the model's arguments. The cache is an argument for the next call. Raises BadInputError if the
        model raises an error.
        """
        count = {"logits_to_keep": prediction_count} if self._takes_count else {}
        with refusing_failures(self.model, inputs["input_ids"]):
            output = self.model(**{**inputs, **count}, return_dict=True)
        cache = {name: output[name] for name in CACHE_NAMES if output.get(name) is not None}
        return output.logits[:, -prediction_count:].float(), cache

    def _read_with_cache(self, texts: Tensor, step_count: int) -> Tensor | None:
        """Return the log-probabilities (B, N + 1, V) before and after the last N tokens, which are fed one at a time.

        Return None if the model returns no cache, or does not take it.
        """
        first_step = texts.shape[1] - step_count
        reader = TextReader(self, texts[:, :first_step], texts.shape[1])
        try:
            predictions = [reader.predict()]
            for token_ids in texts[:, first_step:].T:
                reader.append(token_ids)
                predictions.append(reader.predict())
        except BadInputError:
            return None
        return torch.stack(predictions, 1).log_softmax(-1) if any(reader.caches.values()) else None


class TextReader:
    """The texts of one batch, as far as a model has read them."""

    def __init__(self, incremental: IncrementalModel, prompts: Tensor, text_length: int) -> None:
        """``prompts`` (B, P) begin the texts, which get at most ``text_length`` tokens."""
        self._incremental = incremental
        start = incremental.add_beginning(prompts.to(incremental.device))
        self._texts = start.new_empty(len(start), incremental.beginning_length + text_length)
        self._length = start.shape[1]
        self._texts[:, : self._length] = start
        # With a cache, a model reads so many tokens at a time, from the cache that it had before them
        self._step_length = 2 if incremental.model.config.model_type in TYPES_WITH_TWO_TOKENS else 1
        self.caches: dict[int, dict[str, Any]] = {}
        """The caches that can still be used, by the number of tokens of each text that were read."""

    def append(self, token_ids: Tensor) -> None:
        """Add one token (B,) to each text."""
        self._texts[:, self._length] = token_ids
        self._length += 1

    def predict(self) -> Tensor:
        """Return the float32 logits (B, V) of the token after each text.

        Call it once after the start and once after each ``append``. Raises BadInputError if the model raises an error.
        """
        texts = self._texts[:, : self._length]
        if not self._incremental.has_cache or self._length < self._step_length:
            logits, _ = self._incremental.run({"input_ids": texts, "use_cache": False}, 1)
            return logits[:, 0]
        cache = self.caches.pop(self._length - self._step_length, {})
        model: Any = self._incremental.model
        with refusing_failures(model, texts):
            inputs = model.prepare_inputs_for_generation(
                texts,
                next_sequence_length=self._step_length if cache else None,
                is_first_iteration=not cache,
                use_cache=True,
                **cache,
            )
        logits, self.caches[self._length] = self._incremental.run(inputs, 1)
        return logits[:, 0]


def agree(log_probs: Tensor, alone: Tensor, dtype: torch.dtype) -> bool:
    """Return whether log-probabilities in nats differ by no more than rounding in a model of ``dtype`` explains."""
    tolerance = TOLERANCES_NATS.get(dtype, TOLERANCES_NATS[torch.bfloat16]) * (1 + alone.abs() / DOUBLING_NATS)
    return bool((_subtract(log_probs, alone) <= tolerance).all())


def measure_difference(log_probs: Tensor, alone: Tensor) -> float:
    """Return the largest difference between log-probabilities, in nats."""
    return float(_subtract(log_probs, alone).amax())


def _subtract(left: Tensor, right: Tensor) -> Tensor:
    """Return absolute differences. Equal infinities do not differ: a model may exclude a token."""
    return (left - right).abs().where(left != right, 0.0)
