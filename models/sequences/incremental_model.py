"""This module feeds texts to a model one token at a time, with the model's cache or recurrent state.

All texts of a batch have the same number of tokens, so there is no padding, and no attention mask is needed. Whether a
model's cache can be used is found out by trying: the log-probabilities after tokens that are fed one at a time are
compared with those of one forward pass without a cache. If they differ, the model reads the whole text at each step.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.failing_models import refusing_failures
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.verification import DOUBLING_NATS, TOLERANCES_NATS

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

# Names under which models of transformers return their cache, and take it at the next step
CACHE_NAMES = ("past_key_values", "cache_params", "state")
PROBE_TOKEN_COUNT = 24
PROBE_STEP_COUNT = 8


class IncrementalModel:
    """A model that reads texts token by token and predicts the next one."""

    def __init__(self, model: PreTrainedModel, beginning_ids: Sequence[int]) -> None:
        """``beginning_ids`` are the ids of the tokens that the model reads before every text."""
        self.model = model
        self.device = find_input_device(model)
        self.beginning_length = len(beginning_ids)
        self._beginning = torch.tensor(list(beginning_ids), dtype=torch.int64, device=self.device)
        self._takes_count = "logits_to_keep" in inspect.signature(model.forward).parameters
        self.has_cache = True

    def choose_cache(self, token_ids: Tensor, text_length: int) -> None:
        """Find out whether the model's cache can be used for texts of ``text_length`` tokens, and set ``has_cache``.

        ``token_ids`` (T,) are at least one token for the trial. Raises BadInputError if the model does not run.
        """
        switch_length = find_switch_length(self.model.config)
        # Beyond its switch length, a model uses other rotary frequencies also for the tokens that it has read before
        is_switching = switch_length is not None and self.beginning_length + text_length > switch_length
        self.has_cache = not is_switching and self._reads_with_cache(token_ids, min(PROBE_TOKEN_COUNT, text_length))

    def predict_alone(self, token_ids: Tensor, prediction_count: int = 1) -> Tensor:
        """Return the float32 logits (N, V) after each of the last N = ``prediction_count`` tokens of one text (T,).

        They come from one forward pass over this text without a cache.
        """
        text = self.add_beginning(token_ids[None].to(self.device))
        output = self.run({"input_ids": text, "use_cache": False}, prediction_count)
        return output.logits[0, -prediction_count:].float()

    def add_beginning(self, texts: Tensor) -> Tensor:
        """Return the texts (B, T) with the beginning before each of them."""
        return torch.cat([self._beginning.expand(len(texts), -1), texts], 1)

    def run(self, inputs: dict[str, Any], prediction_count: int) -> Any:
        """Return the model's output, with the logits of at least the last ``prediction_count`` tokens.

        ``inputs`` are the arguments of the model. Raises BadInputError if the model raises an error.
        """
        count = {"logits_to_keep": prediction_count} if self._takes_count else {}
        with refusing_failures(self.model, inputs["input_ids"]):
            return self.model(**{**inputs, **count}, return_dict=True)

    @torch.inference_mode()
    def _reads_with_cache(self, token_ids: Tensor, length: int) -> bool:
        """Return whether the model predicts the same with its cache as without, on a text of ``length`` tokens."""
        text = token_ids.repeat(-(-length // len(token_ids)))[:length].to(self.device)
        step_count = min(PROBE_STEP_COUNT, length - 1)
        expected = self.predict_alone(text, step_count + 1).log_softmax(-1)
        first_step = length - step_count
        try:
            reader = TextReader(self, text[None, :first_step], length)
            predictions = [reader.predict()]
            for index in range(first_step, length):
                reader.append(text[index : index + 1])
                predictions.append(reader.predict())
        except (BadInputError, StopIteration):  # the model does not take a cache, or returns none
            return False
        return agree(torch.cat(predictions).log_softmax(-1), expected, self.model.dtype)


class TextReader:
    """The texts of one batch, as far as a model has read them."""

    def __init__(self, reader: IncrementalModel, prompts: Tensor, text_length: int) -> None:
        """``prompts`` (B, P) begin the texts, which get at most ``text_length`` tokens."""
        self._reader = reader
        start = reader.add_beginning(prompts.to(reader.device))
        self._texts = start.new_empty(len(start), reader.beginning_length + text_length)
        self._length = start.shape[1]
        self._texts[:, : self._length] = start
        self._cache: dict[str, Any] = {}

    def append(self, token_ids: Tensor) -> None:
        """Add one token (B,) to each text."""
        self._texts[:, self._length] = token_ids
        self._length += 1

    def predict(self) -> Tensor:
        """Return the float32 logits (B, V) of the token after each text.

        Call it after the start and after each ``append``. Raises BadInputError if the model raises an error.
        """
        read = self._texts[:, : self._length]
        if not self._reader.has_cache:
            return self._reader.run({"input_ids": read, "use_cache": False}, 1).logits[:, -1].float()
        model: Any = self._reader.model
        inputs = model.prepare_inputs_for_generation(
            read,
            next_sequence_length=1 if self._cache else None,
            is_first_iteration=not self._cache,
            use_cache=True,
            **self._cache,
        )
        output = self._reader.run(inputs, 1)
        name = next(name for name in CACHE_NAMES if getattr(output, name, None) is not None)
        self._cache = {name: getattr(output, name)}
        return output.logits[:, -1].float()


def agree(log_probs: Tensor, expected: Tensor, dtype: torch.dtype) -> bool:
    """Return whether log-probabilities in nats differ by no more than rounding in a model of ``dtype`` explains."""
    tolerance = TOLERANCES_NATS.get(dtype, TOLERANCES_NATS[torch.bfloat16]) * (1 + expected.abs() / DOUBLING_NATS)
    # A difference that is not a number does not agree
    return bool(((log_probs - expected).abs() <= tolerance).all())
