"""Comparing the checkpoints of a model with each other by their hashes; no file is read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence

from trailhouse.models.checkpoints.checkpoint import Checkpoint

CheckpointKey = tuple[str, int]
"""(model_id, step)"""


def key_of(checkpoint: Checkpoint) -> CheckpointKey:
    """Return (model_id, step)."""
    return checkpoint.model_id, checkpoint.step


def find_duplicates(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, list[CheckpointKey]]:
    """Return, for each checkpoint that shares its weights with others, those others."""
    groups: dict[str, list[CheckpointKey]] = defaultdict(list)
    for checkpoint in checkpoints:
        groups[checkpoint.weights_sha256].append(key_of(checkpoint))
    return {
        key: [other for other in group if other != key] for group in groups.values() if len(group) > 1 for key in group
    }


def find_foreign_shards(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, tuple[str, int]]:
    """Return, for each checkpoint of one model that has a shard of a later one, the shard's name and that step.

    If two checkpoints share one shard and differ in another, one of them holds a wrong file. The later one is
    assumed to be right, because a known mistake of uploads is to put files of the final model on earlier branches.
    Checkpoints that share all shards are duplicates, see ``find_duplicates``.
    """
    latest: dict[str, Checkpoint] = {}
    for checkpoint in sorted(checkpoints, key=lambda one: one.step):
        for file in checkpoint.weight_files:
            latest[file.sha256] = checkpoint
    foreign: dict[CheckpointKey, tuple[str, int]] = {}
    for checkpoint in checkpoints:
        for file in checkpoint.weight_files if len(checkpoint.weight_files) > 1 else ():
            owner = latest[file.sha256]
            if owner.weights_sha256 != checkpoint.weights_sha256:  # then the owner is a later checkpoint
                foreign.setdefault(key_of(checkpoint), (file.name, owner.step))
    return foreign


def find_deviants(
    checkpoints: Sequence[Checkpoint], read: Callable[[Checkpoint], Hashable]
) -> dict[CheckpointKey, Hashable]:
    """Return, for each checkpoint whose value differs from the most frequent one, the most frequent value.

    Of two equally frequent values, that of the latest checkpoint is taken.
    """
    values = [read(checkpoint) for checkpoint in sorted(checkpoints, key=lambda one: -one.step)]
    if not values:
        return {}
    usual = Counter(values).most_common(1)[0][0]
    return {key_of(checkpoint): usual for checkpoint in checkpoints if read(checkpoint) != usual}
