"""A suite of tiny random checkpoints in plain directories, made in moments for tests that audit or score."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.nudged_weights import nudge_weights

DECLARATION = """\
suite: {name}
description: Tiny random models
source: folder
shared:
  step_pattern: 'step-(\\d+)'
  batch_tokens: 512
  planned_steps: 100
  context_length: 32
  expected_steps: {steps}
models:
  - name: tiny
    location: {location}
"""


@dataclass(frozen=True)
class TinySuite:
    """One model with a directory for each of its steps."""

    name: str
    declaration: Path
    directory: Path

    def step(self, step: int) -> Path:
        """Return the directory of one checkpoint."""
        return self.directory / f"step-{step}"


def make_template(directory: Path, vocabulary_size: int | None = None) -> Path:
    """Save a tiny GPT-NeoX model and its tokenizer; ``vocabulary_size`` makes the model's vocabulary larger."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    from trailhouse.models.miniature.vocabulary import train_tokenizer

    tokenizer = train_tokenizer(["the cat sat on the mat and the parser reads the file"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPTNeoXConfig(
            vocab_size=vocabulary_size or len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
        )
        GPTNeoXForCausalLM(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def make_suite(template: Path, directory: Path, name: str, steps: Sequence[int]) -> TinySuite:
    """Copy the template once for each step, and give each copy its own weights."""
    suite = TinySuite(name, directory / f"{name}.yaml", directory / name)
    for step in steps:
        shutil.copytree(template, suite.step(step))
        nudge_weights(suite.step(step), (step + 1) * 1e-2)
    suite.declaration.write_text(DECLARATION.format(name=name, steps=list(steps), location=suite.directory))
    return suite
