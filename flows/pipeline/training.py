"""This module trains the models of a miniature suite that have no checkpoints yet."""

from __future__ import annotations

from contextvars import copy_context

from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.suite import Suite
from trailhouse.models.miniature import TrainingProgress, train_suite
from trailhouse.support.progress import report_progress


def train_missing(suite: Suite, settings: Settings) -> None:
    """Train the models of a miniature suite that do not exist yet. For other suites, nothing is trained."""
    if suite.source != "miniature":
        return
    context = copy_context()  # gives the progress listener of this thread to the training threads
    train_suite(
        suite,
        settings.trained_directory / suite.suite_id,
        progress=lambda event: context.run(report_training, event),
    )


def report_training(event: TrainingProgress) -> None:
    """Report the training progress of one model after a training step."""
    detail = f"loss {event.training_loss_nats:.2f} nats"
    report_progress(f"Training {event.model_name}", event.step, event.planned_steps, detail)
