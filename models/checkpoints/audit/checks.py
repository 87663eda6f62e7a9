"""This module holds the checks of an audit. A check describes a checkpoint's problem by a message and a hint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.audit.comparison import CheckpointKey, find_deviants, find_foreign_shards, key_of
from trailhouse.models.checkpoints.audit.weights import (
    find_configuration_mismatch,
    find_non_finite_tensor,
    find_tensor_of_another_model,
    read_shapes,
)
from trailhouse.models.checkpoints.checkpoint import Checkpoint

Problem = tuple[str, str]
"""A message that says what is wrong, and a hint that says what to do."""
CHECK_RUN_HINT = "check that the files belong to this run"
LISTED_DUPLICATES = 5


def explain_duplicates(
    duplicates: Mapping[CheckpointKey, list[CheckpointKey]], model_id: str
) -> dict[CheckpointKey, Problem]:
    """Return a problem for each checkpoint that has the same weights as another checkpoint.

    A message names the model of the other checkpoint only if that model is not ``model_id``.
    """
    hint = "find out which step they belong to, and name the others under known_damage"
    explained = {}
    for key, others in duplicates.items():
        shown = others[:LISTED_DUPLICATES]
        names = [f"step {step}" if other == model_id else f"{other} step {step}" for other, step in shown]
        more = f" and {len(others) - len(shown)} more" if len(others) > len(shown) else ""
        explained[key] = (f"has the same weights as {', '.join(names)}{more}", hint)
    return explained


def check_shards(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, Problem]:
    """Return a problem for each checkpoint with a weight file that belongs to a later checkpoint of the same model."""
    return {
        key: (f"{name} is that of step {owner}", "upload the shard that belongs here")
        for key, (name, owner) in find_foreign_shards(checkpoints).items()
    }


def check_deviants(
    checkpoints: Sequence[Checkpoint], problem: str, read: Callable[[Checkpoint], str]
) -> dict[CheckpointKey, Problem]:
    """Return a problem for each checkpoint that differs in one property from most checkpoints of its model.

    ``read`` returns the value of this property, for example the hash of config.json. ``problem`` is the beginning of
    the message.
    """
    deviants = find_deviants(checkpoints, read)
    return dict.fromkeys(deviants, (f"{problem} that of most checkpoints of this model", CHECK_RUN_HINT))


def check_shapes(checkpoints: Sequence[Checkpoint]) -> dict[CheckpointKey, Problem]:
    """Return a problem for each local checkpoint with wrong tensor shapes.

    Shapes are wrong if they differ from those of most local checkpoints of the model, or if they contradict
    config.json. They also count as wrong if the model that config.json describes does not use one of the tensors.
    """
    local = [checkpoint for checkpoint in checkpoints if not checkpoint.is_remote]
    shapes = {key_of(checkpoint): read_shapes(checkpoint) for checkpoint in local}
    problems: dict[CheckpointKey, Problem] = {}
    for key, usual in find_deviants(local, lambda one: shapes[key_of(one)]).items():
        odd = sorted(set(shapes[key]) ^ set(usual))  # type: ignore[call-overload]  # Shapes are hashable and iterable
        problems[key] = (
            f"the tensor {odd[0][0]} is missing, new or of another shape than in the model's other checkpoints",
            CHECK_RUN_HINT,
        )
    for checkpoint in local:
        mismatch = find_configuration_mismatch(checkpoint, shapes[key_of(checkpoint)])
        mismatch = mismatch or find_tensor_of_another_model(checkpoint)
        if mismatch is not None:
            problems.setdefault(key_of(checkpoint), (mismatch, "copy the config.json that belongs to these weights"))
    return problems


def check_writing(checkpoint: Checkpoint, started_at: float) -> Problem | None:
    """Return a problem if a local weight file has changed since it was hashed.

    A file has changed if its size differs from its size when it was hashed, or if it was modified after the start of
    the audit. ``started_at`` is the start of the audit in seconds since the epoch.
    """
    if checkpoint.is_remote:
        return None
    for file in checkpoint.weight_files:
        status = (checkpoint.directory / file.name).stat()
        if status.st_size != file.size_bytes or status.st_mtime > started_at:
            return f"{file.name} is still being written", "run this again when it is finished"
    return None


def check_values(checkpoint: Checkpoint, progress: Callable[[int], None] | None) -> Problem | None:
    """Return a problem if a weight of a local checkpoint is NaN or infinite. This check reads all weights."""
    for file in checkpoint.weight_files:
        path = checkpoint.directory / file.name
        try:
            name = find_non_finite_tensor(path, progress)
        except BadInputError as error:
            return error.message, error.hint
        if name is not None:
            return (
                f"{path}: the tensor {name} holds NaN or infinity",
                "copy it again if it is damaged, or leave this checkpoint out",
            )
    return None


def check_revision(checkpoint: Checkpoint, scored: frozenset[tuple[str, str, str]]) -> Problem | None:
    """Return a problem if a checkpoint was scored with weights, config.json or tokenizer that it no longer has.

    ``scored`` holds each (weights_sha256, config_sha256, tokenizer_id) with which this model and step were scored.
    """
    present = (checkpoint.weights_sha256, checkpoint.config_sha256, checkpoint.tokenizer_id)
    for index, name in enumerate(("other weights", "another config.json", "another tokenizer")):
        others = {identity[index] for identity in scored} - {present[index], ""}
        if others:
            return (
                f"there are scores of {name} ({min(others)[:12]}...) than what is here now ({present[index][:12]}...)",
                "run `trailhouse score` again to replace the scores, or restore what was scored",
            )
    return None
