"""Comparing the checkpoints of a model with each other, by their identities alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence

from trailhouse.models.checkpoints.checkpoint import Checkpoint

Place = tuple[str, int]


def place_of(checkpoint: Checkpoint) -> Place:
    """Return (model_id, step)."""
    return checkpoint.model_id, checkpoint.step


def find_duplicates(checkpoints: Sequence[Checkpoint]) -> dict[Place, list[Place]]:
    """Return the other checkpoints that have the same weights, for each that has such."""
    groups: dict[str, list[Place]] = defaultdict(list)
    for checkpoint in checkpoints:
        groups[checkpoint.weights_sha256].append(place_of(checkpoint))
    return {
        place: [other for other in group if other != place]
        for group in groups.values()
        if len(group) > 1
        for place in group
    }


def find_foreign_shards(checkpoints: Sequence[Checkpoint]) -> dict[Place, tuple[str, int]]:
    """Return (name of the shard, step it belongs to) for checkpoints of one model with a shard of a later one.

    Two checkpoints that share one shard and differ in others cannot both be whole. The later one is taken for
    the owner: uploads are known to go wrong by putting the final model's files on earlier branches.
    """
    owners: dict[str, Checkpoint] = {}
    for checkpoint in sorted(checkpoints, key=lambda one: one.step):
        for file in checkpoint.weight_files:
            owners[file.sha256] = checkpoint
    foreign: dict[Place, tuple[str, int]] = {}
    for checkpoint in checkpoints:
        for file in checkpoint.weight_files if len(checkpoint.weight_files) > 1 else ():
            owner = owners[file.sha256]
            if owner.step > checkpoint.step and owner.weights_sha256 != checkpoint.weights_sha256:
                foreign.setdefault(place_of(checkpoint), (file.name, owner.step))
    return foreign


def find_deviants(checkpoints: Sequence[Checkpoint], read: Callable[[Checkpoint], Hashable]) -> dict[Place, Hashable]:
    """Return what most checkpoints of a model have, for each that has something else.

    Where two values are equally frequent, that of the latest checkpoint counts as the usual one.
    """
    values = [read(checkpoint) for checkpoint in sorted(checkpoints, key=lambda one: -one.step)]
    if not values:
        return {}
    usual = Counter(values).most_common(1)[0][0]
    return {place_of(checkpoint): usual for checkpoint in checkpoints if read(checkpoint) != usual}
