"""The learning rate of the training of the miniature suite."""

from __future__ import annotations

import math

import pytest
import torch

from trailhouse.models.checkpoints.suite import find_suite, packaged_suites_directory
from trailhouse.models.miniature.optimisation import LEARNING_RATE_TIMES_WIDTH, _build_optimizer


def test_the_learning_rate_rises_within_a_twentieth_of_the_steps_and_falls_as_a_cosine_to_0():
    model = find_suite("miniature-reduced", [packaged_suites_directory()]).models[0]
    steps = model.planned_steps
    optimizer, schedule = _build_optimizer(torch.nn.Linear(1, 1), model)
    factors = []
    for _ in range(steps + 1):
        (group,) = optimizer.param_groups
        factors.append(group["lr"] * model.recipe.hidden_size / LEARNING_RATE_TIMES_WIDTH)
        optimizer.step()
        schedule.step()
    cosine = [0.5 + math.cos(math.pi * step / steps) / 2 for step in range(steps + 1)]
    warm_up = [min(20 * (step + 1) / steps, 1.0) for step in range(steps + 1)]
    assert factors == pytest.approx([rise * fall for rise, fall in zip(warm_up, cosine, strict=True)], abs=1e-12)
    assert factors[0] == pytest.approx(20 / steps)
    assert factors[steps // 2] == pytest.approx(0.5, rel=0.02)
    assert factors[-1] == pytest.approx(0.0, abs=1e-12)
