"""This module declares a suite for a run of the Hugging Face Trainer.

The run's directory holds ``checkpoint-N/`` with weights and ``trainer_state.json``. This file states the planned steps,
and the number of tokens per step is computed from it.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from transformers import PretrainedConfig

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.foreign_weights import explain_foreign_weights
from trailhouse.models.checkpoints.model_config import build_network, read_config_of
from trailhouse.models.checkpoints.suite import Suite, parse_suite
from trailhouse.support.declarations import make_name

STATE_NAME = "trainer_state.json"
MAXIMUM_STATE_BYTES = 256 << 20
CHECKPOINT_NAME = re.compile(r"checkpoint-(\d{1,18})")
ORIGIN = "# Read from the directory"
"""Prefix of the first line of a declaration that was made from a directory. The directory's path follows it."""
DECLARATION_HINT = "declare the run in a suite, see docs/reference/suites.md"


@dataclass(frozen=True)
class TrainerRun:
    """A run of the Trainer, as its last checkpoint describes it."""

    directory: Path
    batch_tokens: int
    """Tokens per optimizer step, over all devices and accumulated batches."""
    planned_steps: int
    config: PretrainedConfig


@dataclass(frozen=True)
class TrainerState:
    """What trainer_state.json says about the training up to one checkpoint."""

    step: int
    planned_steps: int
    token_count: int
    """Number of tokens that the model was trained on; 0 if the Trainer did not count them."""
    flops: float


def read_trainer_run(directory: Path) -> TrainerRun:
    """Return the run in a directory.

        tokens per step = tokens up to the last checkpoint / steps up to the last checkpoint, rounded

    The Trainer counts the tokens if ``include_num_input_tokens_seen`` is set. Otherwise they follow from the FLOPs,
    which the Trainer computes as 6 x tokens x parameters without embeddings (``Trainer.floating_point_ops``).

    Raises BadInputError if the directory is no run of the Trainer, or if the number of tokens cannot be computed.
    """
    directory = directory.resolve()
    last = _find_last_checkpoint(directory)
    state = read_trainer_state(last)
    config = read_config_of(last)
    return TrainerRun(directory, count_batch_tokens(last, state, config), state.planned_steps, config)


def count_batch_tokens(checkpoint: Path, state: TrainerState, config: PretrainedConfig) -> int:
    """Return the mean number of tokens per step up to a checkpoint, rounded; see ``read_trainer_run``.

    Raises BadInputError if it cannot be computed.
    """
    token_count = state.token_count or _count_tokens_by_flops(checkpoint, config, state.flops)
    return max(1, round(token_count / state.step))


def declare_trainer_run(run: TrainerRun, context_length: int) -> Suite:
    """Return a suite with one model, the run. Suite and model have the name of the run's directory.

    ``context_length`` is the sequence length in training, in tokens. Raises BadInputError if the directory's name has
    no letter or digit.
    """
    name = make_name(run.directory, "suite", DECLARATION_HINT)
    text = (
        f"{ORIGIN} {json.dumps(str(run.directory))}\n"
        f"suite: '{name}'\n"
        f"description: A run of the Hugging Face Trainer\n"
        f"source: trainer\n"
        f"models:\n"
        f"  - name: '{name}'\n"
        f"    location: {json.dumps(str(run.directory), ensure_ascii=False)}\n"
        f"    batch_tokens: {run.batch_tokens}\n"
        f"    planned_steps: {run.planned_steps}\n"
        f"    context_length: {context_length}\n"
    )
    return parse_suite(run.directory / "suite.yaml", text)


def find_origin(declaration: str) -> str | None:
    """Return the line of a generated declaration that names the directory of the run.

    Returns None if there is no such line, because then a person wrote the declaration.
    """
    line = declaration.partition("\n")[0]
    return line if line.startswith(ORIGIN) else None


def _find_last_checkpoint(directory: Path) -> Path:
    """Return the directory of the last checkpoint that has a state of the Trainer and a configuration."""
    found = {
        int(match[1]): path
        for path in directory.iterdir()
        if (match := CHECKPOINT_NAME.fullmatch(path.name))
        and (path / STATE_NAME).is_file()
        and (path / "config.json").is_file()
    }
    if not found:
        raise BadInputError(
            f"{directory}: is no run of the Hugging Face Trainer, because no checkpoint-N with {STATE_NAME} and"
            " config.json is in it",
            DECLARATION_HINT,
        )
    return found[max(found)]


def read_trainer_state(checkpoint: Path) -> TrainerState:
    """Return what trainer_state.json of a checkpoint says. Raises BadInputError if it is no state of the Trainer."""
    path = checkpoint / STATE_NAME
    try:
        if path.stat().st_size > MAXIMUM_STATE_BYTES:
            raise ValueError
        content = json.loads(path.read_bytes())
        state = TrainerState(
            step=int(content["global_step"]),
            planned_steps=int(content["max_steps"]),
            token_count=int(content.get("num_input_tokens_seen", 0)),
            flops=float(content.get("total_flos", 0)),
        )
        if min(state.step, state.planned_steps) < 1 or state.token_count < 0 or not math.isfinite(state.flops):
            raise ValueError
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(f"{path}: is no state of the Trainer", DECLARATION_HINT) from error
    return state


def _count_tokens_by_flops(checkpoint: Path, config: PretrainedConfig, flops: float) -> int:
    """Return the number of training tokens for which the Trainer counts ``flops``.

    Raises BadInputError if the FLOPs are not those of a whole number of tokens, or if the parameters were sharded.
    """
    network = build_network(config, checkpoint)
    tokens = flops / (6 * network.num_parameters(exclude_embeddings=True))
    # With sharded parameters, a process counts only the FLOPs of its own part, so the tokens would be too few.
    is_sharded = explain_foreign_weights(path.name for path in checkpoint.iterdir()) is not None
    if tokens < 1 or is_sharded or abs(tokens - round(tokens)) > 1e-6 * tokens:
        raise BadInputError(
            f"{checkpoint / STATE_NAME}: does not say how many tokens the model was trained on", DECLARATION_HINT
        )
    return round(tokens)
