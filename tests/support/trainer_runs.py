"""Output directories of the Hugging Face Trainer, which really trains a tiny model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, Trainer, TrainingArguments
from transformers.utils.logging import disable_progress_bar

CONTEXT_LENGTH = 32
BATCH_TOKENS = 2 * 3 * CONTEXT_LENGTH
"""Tokens per step: two sequences a batch, and three batches a step."""


def train(model: PreTrainedModel, directory: Path, steps: int = 4, **options: Any) -> Path:
    """Train a model with a checkpoint after every second step, and return the directory of the run.

    The Trainer gets no tokenizer, so it saves none.
    """
    disable_progress_bar()
    arguments = TrainingArguments(
        str(directory),
        max_steps=steps,
        save_steps=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=3,
        learning_rate=1e-2,
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        report_to=[],
        **options,
    )
    generator = torch.Generator().manual_seed(0)
    sequences = torch.randint(0, model.config.vocab_size, (24, CONTEXT_LENGTH), generator=generator)
    with torch.random.fork_rng(devices=[]):
        Trainer(model, arguments, train_dataset=[{"input_ids": one, "labels": one} for one in sequences]).train()
    return directory
