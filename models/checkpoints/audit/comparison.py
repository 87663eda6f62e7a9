"""This module compares checkpoints with each other by their hashes. It reads no files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence

from trailhouse.models.checkpoints.checkpoint import Checkpoint

CheckpointKey = tuple[str, int]
"""The key (model_id, step) of a checkpoint."""


def key_of(checkpoint: Checkpoint) -> CheckpointKey:
    """Return the key (model_id, step) of a checkpoint."""
    return checkpoint.model_id, checkpoint.step


def find_duplicates(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, list[CheckpointKey]]:
    """Return, for each checkpoint that has duplicates, all other checkpoints with the same weights."""
    groups: dict[str, list[CheckpointKey]] = defaultdict(list)
    for checkpoint in checkpoints:
        groups[checkpoint.weights_sha256].append(key_of(checkpoint))
    return {
        key: [other for other in group if other != key] for group in groups.values() if len(group) > 1 for key in group
    }


def find_doubled(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, int]:
    """Find the checkpoints whose weights are also those of a later checkpoint of the same model.

    For each such checkpoint, the result holds the latest step with these weights. ``find_foreign_shards`` explains why
    the latest checkpoint is assumed to be right. Step 0 is left out if the next checkpoint is the latest with its
    weights. This is no mistake: a warm-up begins with the learning rate 0, with which a step changes no weights.
    """
    latest: dict[tuple[str, str], int] = {}
    steps: dict[str, list[int]] = {}
    for checkpoint in checkpoints:
        key = (checkpoint.model_id, checkpoint.weights_sha256)
        latest[key] = max(checkpoint.step, latest.get(key, checkpoint.step))
        steps.setdefault(checkpoint.model_id, []).append(checkpoint.step)
    second = {model_id: sorted(found)[:2][-1] for model_id, found in steps.items()}
    return {
        key_of(checkpoint): step
        for checkpoint in checkpoints
        if (step := latest[checkpoint.model_id, checkpoint.weights_sha256]) > checkpoint.step
        and not (checkpoint.step == 0 and step == second[checkpoint.model_id])
    }


def find_foreign_shards(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, tuple[str, int]]:
    """Find the checkpoints of one model that have a shard of a later checkpoint.

    For each such checkpoint, the result holds the name of the shard and the step of the later checkpoint. If two
    checkpoints have equal files for one shard but different files for another shard, one checkpoint has a wrong file.
    The later checkpoint is assumed to be right, because uploads sometimes put files of the final model on earlier
    branches by mistake. Checkpoints with equal files for all shards are duplicates, see ``find_duplicates``.
    """
    latest: dict[str, Checkpoint] = {}
    for checkpoint in sorted(checkpoints, key=lambda one: one.step):
        for file in checkpoint.weight_files:
            latest[file.sha256] = checkpoint
    foreign: dict[CheckpointKey, tuple[str, int]] = {}
    for checkpoint in checkpoints:
        for file in checkpoint.weight_files if len(checkpoint.weight_files) > 1 else ():
            owner = latest[file.sha256]
            if owner.weights_sha256 != checkpoint.weights_sha256:  # the owner is another, later checkpoint
                foreign.setdefault(key_of(checkpoint), (file.name, owner.step))
    return foreign


def find_deviants(
    checkpoints: Sequence[Checkpoint], read: Callable[[Checkpoint], Hashable]
) -> dict[CheckpointKey, Hashable]:
    """Return the checkpoints for which ``read`` does not return the most frequent value.

    The result maps the key of each such checkpoint to the most frequent value.

    If several values are equally frequent, the value of the latest checkpoint among them counts as the most frequent.
    """
    values = [read(checkpoint) for checkpoint in sorted(checkpoints, key=lambda one: -one.step)]
    if not values:
        return {}
    usual = Counter(values).most_common(1)[0][0]
    return {key_of(checkpoint): usual for checkpoint in checkpoints if read(checkpoint) != usual}
