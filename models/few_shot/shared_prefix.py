"""This module finds out whether a model can read rows with a shared prefix, and builds the inputs of the model.

Such a row holds one prompt and then several options, see ``option_batches``. Models with plain attention can read such
rows, because an attention mask states which tokens each token sees, and position ids state the position of each token.
Models with a recurrent state (Mamba, RWKV) and models that compute positions themselves cannot read such rows. For
these models, each option gets a row with its own copy of the prompt. A short forward pass shows whether a model can
read such rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.option_batches import (
    SHARED_PREFIX,
    Row,
    ScoredSequence,
    build_plain_rows,
    build_shared_prefix_rows,
)
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.forward import ForwardPass
from trailhouse.models.scoring.rotary_switch import find_switch_length

PROBE_TOKEN_COUNT = 12
PROBE_ROW_LENGTH = 1 << 20
PADDING = -1
TOLERANCE_NATS = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.25}
# Keys in config.json that limit the number of tokens to which one token attends, including itself. The attention mask
# of a row with continuations would override this limit. A short forward pass cannot reveal the limit. So a row that is
# longer than the limit must not have continuations.
WINDOW_KEYS = (
    "sliding_window",
    "sliding_window_size",
    "attention_window_size",
    "window_size",
    "keep_window_size",
    "local_attention",
    "attention_chunk_size",
)


def find_shared_prefix_limit(forward_pass: ForwardPass, token_ids: Tensor, context_length: int) -> int:
    """Return how many tokens a row may have if it holds several options after one shared prompt.

    The result is 0 if the model cannot read such rows. If the model has a switch length
    (see ``rotary_switch``), the result is at most this length.

    ``token_ids`` (T,) are at least two arbitrary tokens of the model's vocabulary.
    """
    if not _takes_positions(forward_pass) or not _reads_continuations(forward_pass, token_ids):
        return 0
    config = forward_pass.model.config.get_text_config()
    windows = [find_switch_length(config), *(getattr(config, key, None) for key in WINDOW_KEYS)]
    return min([context_length, *(window for window in windows if isinstance(window, int) and window > 0)])


def build_inputs(rows: Sequence[Row], device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the model's inputs for a batch of B rows, padded to T tokens.

    The result always has ``input_ids`` (B, T). If rows have continuations, it also has ``position_ids`` (B, T) and
    ``attention_mask`` (B, 1, T, T). The mask is of type ``dtype``.
    """
    width = max(row.length for row in rows)
    input_ids = torch.zeros(len(rows), width, dtype=torch.int64)
    for index, row in enumerate(rows):
        input_ids[index, : row.length] = torch.from_numpy(row.token_ids)
    inputs = {"input_ids": input_ids.to(device)}
    if any(row.has_continuations for row in rows):
        positions = torch.zeros(len(rows), width, dtype=torch.int64)
        continuations = torch.full((len(rows), width), PADDING)
        for index, row in enumerate(rows):
            positions[index, : row.length] = torch.from_numpy(row.positions)
            continuations[index, : row.length] = torch.from_numpy(row.continuations)
        inputs["position_ids"] = positions.to(device)
        inputs["attention_mask"] = _build_mask(continuations.to(device), dtype)
    return inputs


def score_inputs(
    forward_pass: ForwardPass, inputs: dict[str, Tensor], output_indices: Tensor, targets: Tensor
) -> Tensor:
    """Return the log-probabilities (N,) of N targets, in nats.

    ``inputs`` is a result of ``build_inputs``. ``output_indices`` (N,) are the indices of the predicting
    tokens in the flattened batch (B * T).
    """
    device = inputs["input_ids"].device
    scores = forward_pass.score_positions(
        inputs["input_ids"],
        output_indices.to(device),
        targets.to(device, torch.int64),
        with_entropy=False,
        with_target_rank=False,
        layout={name: tensor for name, tensor in inputs.items() if name != "input_ids"},
    )
    return scores.log_prob_nats


def _build_mask(continuations: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the attention mask (B, 1, T, T), which the model adds to its attention scores.

    The entry (b, 0, i, j) is 0 if token i of row b sees token j. Otherwise the entry is the lowest number of ``dtype``.
    ``continuations`` (B, T) holds the number of the continuation to which each token belongs, or SHARED_PREFIX.
    A token sees the tokens before it in the shared prefix and in its own continuation.
    """
    width = continuations.shape[1]
    is_seen = (continuations[:, None, :] == SHARED_PREFIX) | (continuations[:, None, :] == continuations[:, :, None])
    is_seen &= torch.ones(width, width, dtype=torch.bool, device=continuations.device).tril()
    mask = torch.full(is_seen.shape, torch.finfo(dtype).min, dtype=dtype, device=continuations.device)
    return mask.masked_fill_(is_seen, 0.0)[:, None]


def _takes_positions(forward_pass: ForwardPass) -> bool:
    module = forward_pass.body if forward_pass.body is not None else forward_pass.model
    return {"position_ids", "attention_mask"} <= set(inspect.signature(module.forward).parameters)


def _reads_continuations(forward_pass: ForwardPass, token_ids: Tensor) -> bool:
    """Return whether a model gives sequences the same scores in a row with a shared prefix as in separate rows.

    Three short sequences with the same prefix are scored together in one row, and each sequence is scored in a row of
    its own. The scores count as the same if they differ by at most the tolerance for the model's dtype. The result is
    False if the model does not accept the inputs of the row with the shared prefix.
    """
    tokens = token_ids[:PROBE_TOKEN_COUNT].to(torch.int32).cpu().numpy()
    prefix = tokens[: len(tokens) // 2]
    endings = [tokens, tokens[::-1].copy(), tokens[1:]]
    sequences = [ScoredSequence(np.concatenate([prefix, ending]), 1, index) for index, ending in enumerate(endings)]
    try:
        (shared_row,) = build_shared_prefix_rows(sequences, PROBE_ROW_LENGTH)
        together = _score_row(forward_pass, shared_row)
    except (BadInputError, IndexError):  # the model does not accept the inputs of this row
        return False
    separately = torch.cat([_score_row(forward_pass, build_plain_rows([sequence])[0]) for sequence in sequences])
    tolerance = TOLERANCE_NATS.get(forward_pass.model.dtype, 0.05)
    return bool((together - separately).abs().max() <= tolerance)


def _score_row(forward_pass: ForwardPass, row: Row) -> Tensor:
    inputs = build_inputs([row], find_input_device(forward_pass.model), forward_pass.model.dtype)
    return score_inputs(forward_pass, inputs, torch.from_numpy(row.outputs), torch.from_numpy(row.targets))
