"""This module runs a model from token ids to logits, in two parts if it consists of a body and a plain LM head.

In most language models, a body yields hidden states, and a linear LM head turns them into logits. For such models,
the head is applied only to the wanted positions, and to one chunk of the vocabulary at a time. Models that change
their logits after the head (soft-capping, scaling) are run in one part. A short forward pass shows which
kind a model is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trailhouse.models.scoring.causality import refuse_non_causal
from trailhouse.models.scoring.failing_models import refusing_failures
from trailhouse.models.scoring.softmax import TargetScores, join_scores, score_hidden_states, score_logits

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

PROBE_TOKEN_COUNT = 16
# Default number of tokens of a batch, by device type
DEFAULT_BATCH_TOKENS = {"cpu": 4_096}
ACCELERATOR_BATCH_TOKENS = 32_768
# Largest number of logits of a batch if body and LM head are not run separately: 256 MiB in float32
MAX_LOGIT_COUNT = 1 << 26
LOGIT_BLOCK_ROWS = 256


@dataclass(frozen=True)
class ForwardPass:
    """A model with its body and LM head, which yield logits from token ids."""

    model: PreTrainedModel
    body: nn.Module | None
    """The module whose output is the input of ``head``; None if the model cannot be run in two parts."""
    head: nn.Linear | None
    """The LM head; None if the model cannot be run in two parts."""
    vocabulary_size: int
    """Number of logits at each position."""

    def choose_batch_tokens(self, wanted: int | None, device: torch.device) -> int:
        """Return the number of tokens of a batch: ``wanted``, or else a number that suits the device.

        If body and LM head cannot be run separately, a forward pass computes the logits of all tokens. In this case,
        the result is limited so that a batch has at most ``MAX_LOGIT_COUNT`` logits.
        """
        token_count = wanted or DEFAULT_BATCH_TOKENS.get(device.type, ACCELERATOR_BATCH_TOKENS)
        if self.body is None:
            token_count = min(token_count, max(1, MAX_LOGIT_COUNT // self.vocabulary_size))
        return token_count

    def score_positions(
        self,
        input_ids: Tensor,
        output_indices: Tensor,
        targets: Tensor,
        *,
        with_entropy: bool,
        with_target_rank: bool,
        is_word_start: Tensor | None = None,
        layout: Mapping[str, Tensor] | None = None,
    ) -> TargetScores:
        """Return the scores of n targets.

        ``input_ids`` (B, T) is padded on the right. ``targets[i]`` is predicted by the output at index
        ``output_indices[i]`` of the flattened batch (B * T); both have shape (n,).

        Plain texts get no attention mask. In a causal model, padding on the right cannot change earlier outputs, and
        attention without a mask takes half the time. For rows that hold several continuations of a shared prefix,
        ``layout`` holds the position ids and the attention mask.

        ``is_word_start`` (V,) states which tokens begin a new word or end the text, if the probability of a new word is
        wanted.

        Raises BadInputError if the model raises an error.
        """
        options = {"with_entropy": with_entropy, "with_target_rank": with_target_rank}
        if self.body is not None and self.head is not None:
            with refusing_failures(self.model, input_ids):
                hidden = self.body(input_ids=input_ids, use_cache=False, **(layout or {}))[0]  # (B, T, D)
            device = self.head.weight.device
            wanted = hidden.flatten(0, 1).to(device)[output_indices.to(device)]  # (n, D)
            word_starts = None if is_word_start is None else is_word_start.to(device)
            return score_hidden_states(wanted, self.head, targets.to(device), **options, is_word_start=word_starts)
        with refusing_failures(self.model, input_ids):
            logits = self.model(input_ids=input_ids, use_cache=False, **(layout or {})).logits.flatten(0, 1)  # (BT, V)
        index_blocks = torch.split(output_indices.to(logits.device), LOGIT_BLOCK_ROWS)
        target_blocks = torch.split(targets.to(logits.device), LOGIT_BLOCK_ROWS)
        word_starts = None if is_word_start is None else is_word_start.to(logits.device)
        pairs = zip(index_blocks, target_blocks, strict=True)
        return join_scores(
            [score_logits(logits[indices], block, **options, is_word_start=word_starts) for indices, block in pairs]
        )


def inspect_forward_pass(model: PreTrainedModel, token_ids: Tensor, context_length: int) -> ForwardPass:
    """Find the body and the LM head of a model by running it on a few tokens.

    ``token_ids`` (T,) holds at least two tokens, on the model's device.

    Raises BadInputError if the outputs depend on later tokens, because the scores of such a model mean nothing. Also
    raises BadInputError if the outputs do not show whether the model is causal, or if the model raises an error.
    """
    input_ids = token_ids[None, : min(PROBE_TOKEN_COUNT, max(1, context_length // 2))]
    head = _find_linear_head(model)
    bodies = _find_bodies(model)
    body_outputs: dict[nn.Module, list[object]] = {body: [] for body in bodies}
    head_calls: list[tuple[Tensor, Tensor]] = []
    hooks = [
        body.register_forward_hook(lambda module, _, output: body_outputs[module].append(output[0])) for body in bodies
    ]
    if head is not None:
        hooks.append(head.register_forward_hook(lambda _, inputs, output: head_calls.append((inputs[0], output))))
    try:
        with refusing_failures(model, input_ids):
            logits = model(input_ids=input_ids, use_cache=False).logits  # (1, T, V)
    finally:
        for hook in hooks:
            hook.remove()
    refuse_non_causal(model, token_ids[: min(PROBE_TOKEN_COUNT, context_length)])
    feeding_bodies = [body for body in bodies if _is_plain(body_outputs[body], head_calls, logits)]
    if feeding_bodies and head is not None:
        return ForwardPass(model, feeding_bodies[0], head, logits.shape[-1])
    return ForwardPass(model, None, None, logits.shape[-1])


def _find_bodies(model: PreTrainedModel) -> list[nn.Module]:
    """Return the modules whose output may be the input of the LM head."""
    base = model.base_model
    candidates = [base, getattr(base, "decoder", None)]  # OPT's model calls the decoder of its base model directly
    return [body for body in candidates if isinstance(body, nn.Module) and body is not model]


def _find_linear_head(model: PreTrainedModel) -> nn.Linear | None:
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head if type(head) is nn.Linear and not head.weight.is_meta else None


def _is_plain(body_outputs: list[object], head_calls: list[tuple[Tensor, Tensor]], logits: Tensor) -> bool:
    """Return whether the head's input is exactly the body's output, and the logits are exactly the head's output."""
    if len(body_outputs) != 1 or len(head_calls) != 1:
        return False
    head_input, head_output = head_calls[0]
    return _are_equal(body_outputs[0], head_input) and _are_equal(head_output, logits)


def _are_equal(left: object, right: Tensor) -> bool:
    return (
        isinstance(left, Tensor)
        and left.shape == right.shape
        and torch.equal(left.float(), right.to(left.device).float())
    )
