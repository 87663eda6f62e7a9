"""This package trains the miniature suite: small models that learn from the documentation of Python."""

from __future__ import annotations

from trailhouse.models.miniature.corpus import miniature_corpus, write_training_texts
from trailhouse.models.miniature.optimisation import TrainingProgress
from trailhouse.models.miniature.training import is_suite_trained, train_miniature_suite, train_suite

__all__ = [
    "TrainingProgress",
    "is_suite_trained",
    "miniature_corpus",
    "train_miniature_suite",
    "train_suite",
    "write_training_texts",
]
