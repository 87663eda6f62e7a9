"""This module copies scores from one checkpoint to another checkpoint with the same score key.

The model of the second checkpoint is then not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trailhouse.errors import TrailhouseError
from trailhouse.flows.pipeline.outcome import CheckpointOutcome, Failure
from trailhouse.flows.pipeline.scoring import describe_entry
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.score_ledger import ScoredPartition, copy_scores

ScoringPlan = tuple[Checkpoint, ScoredPartition]


@dataclass(frozen=True)
class CopyPlan:
    """The plan to copy the scores of a checkpoint to another checkpoint that has the same score key."""

    scored: ScoredPartition
    origin: tuple[str, int]
    """(model_id, step) of the partition to copy. If it has no scores yet, this run computes them before the copy."""


def split_reusable(
    pending: Sequence[ScoringPlan], ledger: Mapping[tuple[str, int], str]
) -> tuple[list[ScoringPlan], list[CopyPlan]]:
    """Split ``pending`` into checkpoints that a model must score, and checkpoints whose scores are copied.

    ``pending`` holds the checkpoints whose scores are not in the ledger. ``ledger`` holds the score keys of the corpus
    by (model_id, step). A score key covers weights, configuration, tokenizer, corpus and settings. Equal score keys
    therefore mean equal scores, even if the step or the model differs.
    """
    replaced = {(scored.model_id, scored.step) for _, scored in pending}
    origins = {score_key: key for key, score_key in ledger.items() if key not in replaced}
    to_score: list[ScoringPlan] = []
    copies: list[CopyPlan] = []
    for checkpoint, scored in pending:
        origin = origins.get(scored.score_key)
        if origin is None:
            origins[scored.score_key] = (scored.model_id, scored.step)
            to_score.append((checkpoint, scored))
        else:
            copies.append(CopyPlan(scored, origin))
    return to_score, copies


def copy_reusable(address: WarehouseAddress, copies: Sequence[CopyPlan]) -> list[CheckpointOutcome]:
    """Copy scores as each plan in ``copies`` states, and return the outcomes in the order of the plans.

    If the checkpoint from which a plan copies has no scores, the outcome of this plan holds the error.
    """
    outcomes = [CheckpointOutcome(copy.scored.model_id, copy.scored.step, planned_count=1) for copy in copies]
    if not copies:
        return outcomes
    with connect(address) as client:
        for copy, outcome in zip(copies, outcomes, strict=True):
            try:
                entry = copy_scores(client, copy.origin, copy.scored)
                outcome.inserted.append(describe_entry(entry, is_copied=True))
            except TrailhouseError as error:
                outcome.failures.append(Failure(error))
    return outcomes
