"""This module defines findings. An audit returns one finding for every checkpoint and check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["ok", "wrong", "known", "unchecked"]

# The condition that each check tests, by the name of the check. Findings are reported in this order.
CHECKS = {
    "declaration": "the suite does not name the step as damaged",
    "presence": "every declared step has a checkpoint",
    "writing": "nothing is still being written",
    "completeness": "all files are there, complete, and describe a model",
    "values": "no weight is NaN or infinite",
    "shapes": "the tensors are those of the model's other checkpoints, and fit config.json",
    "configuration": "config.json is that of the model's other checkpoints",
    "tokenizer": "the tokenizer is that of the model's other checkpoints",
    "duplicate": "no other checkpoint of the suite has the same weights",
    "shard": "no shard is that of a later checkpoint",
    "revision": "weights, config.json and tokenizer are those that were scored",
}


@dataclass(frozen=True)
class Finding:
    """The result of one check of one checkpoint."""

    model_id: str
    step: int
    check_name: str
    status: Status
    message: str = ""
    """What is wrong; empty if nothing is wrong."""
    hint: str = ""
    location: str = ""
    """Directory or revision of the checkpoint."""
    commit_hash: str = ""
    weights_sha256: str = ""

    def mark_known(self, problem: str) -> Finding:
        """Return this finding with the status "known", because the suite declares ``problem`` as known damage."""
        return replace(self, status="known", message=f"{self.message} ({problem})" if self.message else problem)
