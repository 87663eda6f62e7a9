"""Scores that need not be computed: those of the same weights, which are in the warehouse or about to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trailhouse.errors import TrailhouseError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.score_ledger import LedgerEntry, ScoredPartition, copy_scores

Plan = tuple[Checkpoint, ScoredPartition]


@dataclass(frozen=True)
class CopiedPlan:
    """A checkpoint whose scores are copied from another partition of the same score key."""

    checkpoint: Checkpoint
    scored: ScoredPartition
    origin: tuple[str, int]
    """(model_id, step) of the partition that has them, or will have them once it is scored."""


def split_reusable(
    pending: Sequence[Plan], ledger: Mapping[tuple[str, int], str]
) -> tuple[list[Plan], list[CopiedPlan]]:
    """Split what the ledger lacks into what must be scored and what can be copied.

    ``ledger`` holds the score keys of the corpus by (model_id, step). A score key covers weights, configuration,
    tokenizer, corpus and settings, so scores are shared between steps and models exactly where they are equal.
    """
    replaced = {(scored.model_id, scored.step) for _, scored in pending}
    origins = {score_key: place for place, score_key in ledger.items() if place not in replaced}
    to_score: list[Plan] = []
    copies: list[CopiedPlan] = []
    for checkpoint, scored in pending:
        origin = origins.get(scored.score_key)
        if origin is None:
            origins[scored.score_key] = (scored.model_id, scored.step)
            to_score.append((checkpoint, scored))
        else:
            copies.append(CopiedPlan(checkpoint, scored, origin))
    return to_score, copies


def copy_reusable(address: WarehouseAddress, copies: Sequence[CopiedPlan]) -> list[LedgerEntry | TrailhouseError]:
    """Copy what can be copied, once its origin is scored; an outcome is the ledger's entry or the error."""
    outcomes: list[LedgerEntry | TrailhouseError] = []
    if not copies:
        return outcomes
    with connect(address) as client:
        for copy in copies:
            try:
                outcomes.append(copy_scores(client, copy.origin, copy.scored))
            except TrailhouseError as error:
                outcomes.append(error)
    return outcomes
