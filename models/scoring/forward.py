"""How a model comes from token ids to logits, found out by watching it on a few tokens.

Nearly all language models are a body and a plain linear head; for those the head is computed tile by tile,
for the wanted positions only. Models that do more to their logits (soft-capping, scaling) are run whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.packed_linear import PackedLinear, packed_layers
from trailhouse.models.scoring.softmax import TargetScores, join_scores, pack_head, score_hidden_states, score_logits

PROBE_TOKENS = 16
CAUSALITY_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}
# Logits of a model that must be run whole: at most 256 MiB in float32
WHOLE_LOGITS_ENTRIES = 1 << 26
WHOLE_LOGITS_ROWS = 256


@dataclass(frozen=True)
class OutputPath:
    """A model with what is known about its output."""

    model: PreTrainedModel
    body: nn.Module | None
    """Gives the hidden states that ``head`` turns into logits; None where the model must be run whole."""
    head: nn.Linear | None
    vocabulary_size: int
    packed_head: list[PackedLinear] | None = None

    @property
    def max_batch_tokens(self) -> int | None:
        """Tokens of one forward pass that the size of the logits allows; None for no limit."""
        return None if self.body is not None else max(1, WHOLE_LOGITS_ENTRIES // self.vocabulary_size)

    def score_positions(
        self,
        input_ids: Tensor,
        rows: Tensor,
        targets: Tensor,
        *,
        with_entropy: bool,
        with_target_rank: bool,
        layout: Mapping[str, Tensor] | None = None,
    ) -> TargetScores:
        """Score n targets.

        ``input_ids`` (B, T) is padded on the right, ``rows`` (n,) says in which places of the flattened batch
        the outputs stand that predict ``targets`` (n,). No attention mask is passed: what stands to the right
        cannot reach a causal model's earlier outputs, and without a mask attention skips half its work. Where
        the batch is no plain text, ``layout`` holds the position ids and the mask that say so.
        """
        options = {"with_entropy": with_entropy, "with_target_rank": with_target_rank}
        if self.body is not None and self.head is not None:
            hidden = self.body(input_ids=input_ids, use_cache=False, **(layout or {}))[0]  # (B, T, D)
            chosen = hidden.flatten(0, 1).to(self.head.weight.device)[rows.to(self.head.weight.device)]
            targets = targets.to(chosen.device)
            return score_hidden_states(chosen, self.head, targets, packed=self.packed_head, **options)
        logits = self.model(input_ids=input_ids, use_cache=False, **(layout or {})).logits.flatten(0, 1)  # (B * T, V)
        rows, targets = rows.to(logits.device), targets.to(logits.device)
        pairs = zip(torch.split(rows, WHOLE_LOGITS_ROWS), torch.split(targets, WHOLE_LOGITS_ROWS), strict=True)
        return join_scores([score_logits(logits[part], wanted, **options) for part, wanted in pairs])


@contextmanager
def packed_for_cpu(path: OutputPath) -> Iterator[OutputPath]:
    """The same path with its weights packed for a CPU as long as the block lasts, where they can be."""
    with packed_layers(path.model, without=path.head):
        yield path if path.head is None else replace(path, packed_head=pack_head(path.head))


def inspect_output_path(model: PreTrainedModel, token_ids: Tensor, context_length: int) -> OutputPath:
    """Find out how the model makes its logits, from at least two tokens (T,) on the model's device.

    Errors: BadInputError where the model's outputs depend on later tokens: scores of such a model mean nothing.
    """
    input_ids = token_ids[None, : min(PROBE_TOKENS, max(1, context_length // 2))]
    head = _find_linear_head(model)
    bodies = _find_bodies(model)
    outputs: dict[nn.Module, list[object]] = {body: [] for body in bodies}
    head_calls: list[tuple[Tensor, Tensor]] = []
    handles = [
        body.register_forward_hook(lambda module, _, output: outputs[module].append(output[0])) for body in bodies
    ]
    if head is not None:
        handles.append(head.register_forward_hook(lambda _, inputs, output: head_calls.append((inputs[0], output))))
    try:
        logits = model(input_ids=input_ids, use_cache=False).logits  # (1, T, V)
    finally:
        for handle in handles:
            handle.remove()
    _refuse_non_causal(model, input_ids, logits, context_length)
    plain = [body for body in bodies if _is_plain(outputs[body], head_calls, logits)]
    if plain and head is not None:
        return OutputPath(model, plain[0], head, logits.shape[-1])
    return OutputPath(model, None, None, logits.shape[-1])


def _find_bodies(model: PreTrainedModel) -> list[nn.Module]:
    """Return the modules that may give the head its input: OPT's model calls the decoder inside its base model."""
    base = model.base_model
    candidates = [base, getattr(base, "decoder", None)]
    return [body for body in candidates if isinstance(body, nn.Module) and body is not model]


def _find_linear_head(model: PreTrainedModel) -> nn.Linear | None:
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head if type(head) is nn.Linear and not head.weight.is_meta else None


def _is_plain(body_outputs: list[object], head_calls: list[tuple[Tensor, Tensor]], logits: Tensor) -> bool:
    """Return whether logits are exactly what the head makes of exactly what the body gives."""
    if len(body_outputs) != 1 or len(head_calls) != 1:
        return False
    head_input, head_output = head_calls[0]
    return _are_same(body_outputs[0], head_input) and _are_same(head_output, logits)


def _are_same(left: object, right: Tensor) -> bool:
    return (
        isinstance(left, Tensor)
        and left.shape == right.shape
        and torch.equal(left.float(), right.to(left.device).float())
    )


def _refuse_non_causal(model: PreTrainedModel, input_ids: Tensor, logits: Tensor, context_length: int) -> None:
    """Compare the outputs with those after other tokens were put to the right."""
    length = input_ids.shape[1]
    extended = torch.cat([input_ids, input_ids.flip(1)], dim=1)[:, :context_length]
    again = model(input_ids=extended, use_cache=False).logits[:, :length]
    difference = (again.float().log_softmax(-1) - logits.float().log_softmax(-1)).abs().max().item()
    if difference > CAUSALITY_TOLERANCE.get(logits.dtype, 0.5):
        raise BadInputError(
            f"the model {type(model).__name__} is no causal language model: its outputs depend on later tokens",
            "score models that predict each token from the ones before it; check is_decoder in config.json",
        )
