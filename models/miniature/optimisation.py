"""This module trains one small GPT-NeoX, Mamba2 or RWKV model on one core."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from transformers import (
    AutoModelForCausalLM,
    GPTNeoXConfig,
    Mamba2Config,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    RwkvConfig,
)

from trailhouse.models.checkpoints.suite import ModelDeclaration

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

# Models of all widths train well with a learning rate of 0.64 / width and initial weights of standard deviation
# width^-1/2. A small search with 600k tokens found these values. The loss is 0.3 nats higher with the usual standard
# deviation of 0.02. For the widest model, the loss is 0.15 nats higher with twice the learning rate.
LEARNING_RATE_TIMES_WIDTH = 0.64
WARM_UP_FRACTION = 0.05
WEIGHT_DECAY = 0.1
ADAM_BETAS = (0.9, 0.95)
GRADIENT_NORM_LIMIT = 1.0
# For Mamba2: STATE_SIZE is the size of the state of each channel. CHUNK_SIZE is the number of tokens in each
# chunk that Mamba2 computes with matrix multiplications.
STATE_SIZE = 32
CHUNK_SIZE = 64

_random_state = threading.Lock()  # held while a model takes its initial weights from torch's global generator


@dataclass(frozen=True)
class TrainingProgress:
    """A finished optimizer step of one model, reported to progress bars."""

    model_name: str
    step: int
    planned_steps: int
    training_loss_nats: float


def build_model(model: ModelDeclaration, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Return an untrained network for ``model``, a model that a suite declares.

    The seed in ``model`` determines the initial weights.
    """
    config = _configure_model(model, tokenizer)
    with _random_state, torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.seed or 0)
        network: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, **({"attn_implementation": "sdpa"} if isinstance(config, GPTNeoXConfig) else {})
        )
    return network


def _configure_model(model: ModelDeclaration, tokenizer: PreTrainedTokenizerFast) -> PretrainedConfig:
    recipe = model.recipe
    assert recipe is not None
    shared: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": recipe.hidden_size,
        "num_hidden_layers": recipe.layer_count,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    if recipe.architecture == "mamba2":
        return Mamba2Config(
            **shared,
            num_heads=recipe.head_count,
            head_dim=2 * recipe.hidden_size // recipe.head_count,
            n_groups=1,
            state_size=STATE_SIZE,
            chunk_size=CHUNK_SIZE,
            initializer_range=recipe.hidden_size**-0.5,
        )
    if recipe.architecture == "rwkv":
        return RwkvConfig(**shared, context_length=model.context_length, rescale_every=0)
    return GPTNeoXConfig(
        **shared,
        intermediate_size=4 * recipe.hidden_size,
        num_attention_heads=recipe.head_count,
        max_position_embeddings=model.context_length,
        initializer_range=recipe.hidden_size**-0.5,
    )


def optimise_model(
    network: PreTrainedModel,
    token_ids: torch.Tensor,  # (N,)
    model: ModelDeclaration,
    keep_checkpoint: Callable[[int], None],
    report: Callable[[TrainingProgress], None],
    stop: threading.Event,
) -> bool:
    """Train the network in place, and call ``keep_checkpoint`` at every step in ``model.recipe.checkpoint_steps``.

    Returns True if the training was completed, and False if it ended early because ``stop`` was set.
    """
    assert model.recipe is not None
    optimizer, schedule = _build_optimizer(network, model)
    network.train()
    if 0 in model.recipe.checkpoint_steps:
        keep_checkpoint(0)
    for step, sequences in enumerate(_iterate_batches(token_ids, model), start=1):
        if stop.is_set():
            return False
        logits = network(input_ids=sequences[:, :-1], use_cache=False).logits  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), sequences[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step in model.recipe.checkpoint_steps:
            keep_checkpoint(step)
        report(TrainingProgress(model.model_name, step, model.planned_steps, loss.item()))
    return True


def _build_optimizer(
    network: PreTrainedModel, model: ModelDeclaration
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    assert model.recipe is not None
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=LEARNING_RATE_TIMES_WIDTH / model.recipe.hidden_size,
        betas=ADAM_BETAS,
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
    warm_up_steps = WARM_UP_FRACTION * model.planned_steps

    def scale_learning_rate(step: int) -> float:
        return min(1.0, (step + 1) / warm_up_steps) * 0.5 * (1 + math.cos(math.pi * step / model.planned_steps))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, scale_learning_rate)


def _iterate_batches(token_ids: torch.Tensor, model: ModelDeclaration) -> Iterator[torch.Tensor]:
    """Yield ``planned_steps`` batches of token ids, each of shape (B, T + 1).

    The sequences of an epoch do not overlap, except that the last token of a sequence is the first token of the next.
    Every epoch shuffles the sequences again. For one text and one context length, the order of the sequences depends
    only on the model's seed. So models of a suite with equal seeds read the same data in the same order.
    """
    length = model.context_length
    batch_size = model.batch_tokens // length
    sequence_count = (token_ids.numel() - 1) // length
    needed = model.planned_steps * batch_size
    generator = torch.Generator().manual_seed(model.seed or 0)
    epochs = [torch.randperm(sequence_count, generator=generator) for _ in range(-(-needed // sequence_count))]
    starts = torch.cat(epochs)[:needed] * length
    offsets = torch.arange(length + 1)
    for batch_starts in starts.view(-1, batch_size):
        yield token_ids[batch_starts[:, None] + offsets]
