"""Whether a model can read several options behind one prompt, found out by watching it do so.

Models with plain attention can: they are told by a mask what each token sees, and by position ids where it
stands. Models that carry a state along the text (Mamba, RWKV), or count positions by themselves, cannot, and
read every option with its prompt.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from trailhouse.models.few_shot.option_batches import TRUNK, Row, ScoredSequence, build_branched_rows, build_plain_rows
from trailhouse.models.few_shot.option_encoding import Tokens
from trailhouse.models.scoring.forward import OutputPath

PROBE_TOKENS = 12
TOLERANCE_NATS = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.25}
# Settings of configurations that keep a token from seeing the whole text before it
WINDOW_SETTINGS = ("sliding_window", "attention_chunk_size", "window_size")


def find_branch_limit(path: OutputPath, token_ids: Tensor, context_length: int) -> int:
    """Return how many tokens a row with branches may have; 0 where the model cannot read such rows.

    ``token_ids`` (T,) is any text of the model's vocabulary, at least two tokens long.
    """
    if not _takes_positions(path) or not _reads_branches(path, token_ids):
        return 0
    config = path.model.config.get_text_config()
    windows = [getattr(config, name, None) for name in WINDOW_SETTINGS]
    return min([context_length, *(window for window in windows if isinstance(window, int) and window > 0)])


def build_inputs(rows: Sequence[Row], device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the padded inputs of rows of one kind: input ids (B, T), for branches also positions and mask."""
    width = max(row.length for row in rows)
    input_ids = torch.zeros(len(rows), width, dtype=torch.int64)
    for index, row in enumerate(rows):
        input_ids[index, : row.length] = torch.from_numpy(row.token_ids)
    inputs = {"input_ids": input_ids.to(device)}
    if any(row.has_branches for row in rows):
        positions = torch.zeros(len(rows), width, dtype=torch.int64)
        branches = torch.full((len(rows), width), -1)  # padding: a branch that no one else sees
        for index, row in enumerate(rows):
            positions[index, : row.length] = torch.from_numpy(row.positions)
            branches[index, : row.length] = torch.from_numpy(row.branches)
        inputs["position_ids"] = positions.to(device)
        inputs["attention_mask"] = _build_mask(branches.to(device), dtype)
    return inputs


def _build_mask(branches: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the attention scores (B, 1, T, T): 0 where a token is seen, else the lowest number."""
    width = branches.shape[1]
    is_seen = (branches[:, None, :] == TRUNK) | (branches[:, None, :] == branches[:, :, None])
    is_seen &= torch.ones(width, width, dtype=torch.bool, device=branches.device).tril()
    mask = torch.full(is_seen.shape, torch.finfo(dtype).min, dtype=dtype, device=branches.device)
    return mask.masked_fill_(is_seen, 0.0)[:, None]


def _takes_positions(path: OutputPath) -> bool:
    module = path.body if path.body is not None else path.model
    return {"position_ids", "attention_mask"} <= set(inspect.signature(module.forward).parameters)


def _reads_branches(path: OutputPath, token_ids: Tensor) -> bool:
    """Score a few tokens in three branches and each of them alone, and compare."""
    tokens = token_ids[:PROBE_TOKENS].to(torch.int32).cpu().numpy()
    middle = len(tokens) // 2
    parts = [tokens, tokens[::-1].copy(), tokens[1:]]
    sequences = [ScoredSequence(_append(tokens[:middle], part), 1, place) for place, part in enumerate(parts)]
    try:
        (branched,) = build_branched_rows(sequences, 1 << 20)
        together = _score_row(path, branched)
    except (TypeError, ValueError, RuntimeError, IndexError):  # what models say to inputs they were not made for
        return False
    alone = torch.cat([_score_row(path, build_plain_rows([sequence])[0]) for sequence in sequences])
    return bool((together - alone).abs().max() <= TOLERANCE_NATS.get(path.model.dtype, 0.05))


def _append(left: Tokens, right: Tokens) -> Tokens:
    return np.concatenate([left, right])


def _score_row(path: OutputPath, row: Row) -> Tensor:
    device = next(path.model.parameters()).device
    inputs = build_inputs([row], device, path.model.dtype)
    return score_inputs(path, inputs, torch.from_numpy(row.outputs), torch.from_numpy(row.targets))


def score_inputs(path: OutputPath, inputs: dict[str, Tensor], outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the log-probabilities (N,) of targets after outputs of the flattened batch."""
    input_ids = inputs.pop("input_ids")
    scores = path.score_positions(
        input_ids,
        outputs.to(input_ids.device),
        targets.to(input_ids.device, torch.int64),
        with_entropy=False,
        with_target_rank=False,
        layout=inputs,
    )
    return scores.log_prob_nats
